"""Tables as they are written elsewhere: small CSV files of European, Excel's and old kinds."""

#: By name: the bytes of a file of 300 rows.
FILES = {
    "decimal-comma": ("id;income\n" + "".join(f"{i};{1000 + i},50\n" for i in range(300))).encode(),
    "odd-groups": (
        "\ufeffname;income\r\n" + "".join(f'"M, {i}";"{1000 + i}.{i % 10}00,5"\r\n' for i in range(300))
    ).encode(),
    "latin1": ("name;age\n" + "".join(f"Müller{i};{20 + i % 50}\n" for i in range(300))).encode("latin-1"),
    "cr-only": ("name,age\r" + "".join(f"p{i},{20 + i % 50}\r" for i in range(300))).encode(),
    "year-columns": ("region,2019,2020\n" + "".join(f"r{i},{i},{i + 1}\n" for i in range(300))).encode(),
    "multiline-header": ('age,"income\n(EUR)",sex\n' + "".join(f"{i},{i},f\n" for i in range(300))).encode(),
    "ragged": ("a,b,c\n" + "".join(f"{i},{i},{i}\n" for i in range(299)) + "1,2\n").encode(),
    "trailing-comma": ("a,b\n" + "".join(f"{i},{i},\n" for i in range(300))).encode(),
    "sep-line": ("sep=;\nname;age\n" + "".join(f"p{i};{20 + i % 50}\n" for i in range(300))).encode(),
    "thousands": ("id,income\n" + "".join(f'{i},"{1000 + i:,}"\n' for i in range(300))).encode(),
    "percent-currency": ("id,income\n" + "".join(f"{i},${1000 + i}\n" for i in range(300))).encode(),
    "spaces": ("city, age\n" + "".join(f"Bonn , {20 + i % 50}\n" for i in range(300))).encode(),
    "blank-lines": ("a,b\n" + "".join(f"{i},{i}\n\n" for i in range(300))).encode(),
    "dates": ("d,n\n" + "".join(f"2024-{1 + i % 12:02}-15,{i}\n" for i in range(300))).encode(),
    "dates-day-first": ("d,n\n" + "".join(f"{1 + i % 28:02}.06.2024,{i}\n" for i in range(300))).encode(),
    "dates-month-first": ("d,n\n" + "".join(f"6/{1 + i % 28}/2024,{i}\n" for i in range(300))).encode(),
    "brackets": ("id,gain\n" + "".join(f"{i},({i % 50}.5)\n" for i in range(300))).encode(),
    "typographic-minus": ("id,gain\n" + "".join(f"{i},\u2212{i % 50}\n" for i in range(300))).encode(),
    "minus-behind": ("id,gain\n" + "".join(f"{i},{i % 50}-\n" for i in range(300))).encode(),
    "short-years": ("d,n\n" + "".join(f"{1 + i % 28}.6.24,{i}\n" for i in range(300))).encode(),
    "months-in-words": ("d,n\n" + "".join(f"{1 + i % 28} Juin 2024,{i}\n" for i in range(300))).encode(),
    "months-first": ("d,n\n" + "".join(f'"Mar {1 + i % 28}, 2024",{i}\n' for i in range(300))).encode(),
    "nul": ("a,b\n" + "".join(f"{i},x\0y\n" for i in range(300))).encode(),
    "utf16": ("a,b\n" + "".join(f"{i},{i}\n" for i in range(300))).encode("utf-16"),
    "utf16-unmarked": ("a,b\n" + "".join(f"{i},{i}\n" for i in range(300))).encode("utf-16-le"),
    "twice": ("a,a\n" + "".join(f"{i},{i}\n" for i in range(300))).encode(),
}


def write(folder, name):
    """Write one of them and return its path."""
    path = folder / f"{name}.csv"
    path.write_bytes(FILES[name])
    return path
