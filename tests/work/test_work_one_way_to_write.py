"""No module writes a file otherwise than through `trivet.work.result_files`."""

import ast
from pathlib import Path

import pytest

import trivet

SOURCE = Path(trivet.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
#: Which modules may, and why.
EXEMPT = {
    "work/result_files.py": "it is the one way",
    "work/confined_child.py": "it answers its parent through a pipe",
    "datasets/source.py": "its reader writes into the private folder of the child process",
    "security/reading/archive.py": "likewise",
    "security/reading/onnx/file.py": "likewise",
    "security/reading/weights.py": "likewise",
    "tables/child.py": "it clears the private folder of the child process",
    "tables/session.py": "its reader writes into that folder",
    "tables/unpacking.py": "likewise, what it unpacks",
    "tables/opening.py": "it removes what was unpacked there",
    "privacy/releases/ledger_file.py": "SQLite writes the ledger",
}
METHODS = {
    "write_text", "write_bytes", "savefig", "save_file", "save_model", "to_csv", "to_parquet", "to_json",
    "to_pickle", "tofile", "savetxt", "touch", "mkdir", "makedirs", "symlink_to", "hardlink_to", "rename",
    "unlink", "copy2", "copyfile", "copytree", "move", "rmtree", "print_png", "print_pdf", "print_svg",
    "savez", "savez_compressed", "copyfileobj",
}  # fmt: skip
WRITING_MODES = set("wax+")
#: Methods that write to what they are given, which may be memory.
INTO_MEMORY = {
    "print_png",
    "print_pdf",
    "print_svg",
    "savez",
    "savez_compressed",
    "save",
    "write_text",
    "write_bytes",
}


def writes_in(source):
    """Yield the line and the name of each call that writes, or may, to the file system."""
    tree = ast.parse(source)
    memory = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "attr", getattr(node.value.func, "id", "")) in {"BytesIO", "StringIO"}
        for target in node.targets
        if isinstance(target, ast.Name)
    }  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else None
        name = method or getattr(node.func, "id", "")
        first = node.args[0] if node.args else None
        if name in INTO_MEMORY and isinstance(first, ast.Name) and first.id in memory:
            continue
        owner = getattr(getattr(node.func, "value", None), "id", None)
        devnull = isinstance(first, ast.Attribute) and first.attr == "devnull"
        flags = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        modes = [
            each.value
            for each in (*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode"))
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and len(each.value) <= 3
        ]
        opens = name in {"open", "fdopen"} and any(WRITING_MODES & set(mode) for mode in modes)
        creates = (
            method == "open" and owner == "os" and flags & {"O_WRONLY", "O_RDWR", "O_CREAT"} and not devnull
        )
        saves = method == "save" and owner in {"np", "numpy", "torch", "image", "picture"}
        if (method in METHODS) or opens or creates or saves:
            yield node.lineno, name


def test_the_modules_are_found():
    assert len(MODULES) > 200
    assert all((SOURCE / name).is_file() for name in EXEMPT)


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text('x')",
        "Path('a').write_bytes(b'x')",
        "open('a', 'w')",
        "path.open('xb')",
        "path.open(mode='a')",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "figure.savefig(path)",
        "safetensors.numpy.save_file({}, path)",
        "np.savez_compressed(path, a=1)",
        "np.save(path, a)",
        "canvas.print_png(path)",
        "folder.mkdir(parents=True)",
        "shutil.rmtree(folder)",
    ],
)
def test_a_write_is_seen(line):
    assert [number for number, _ in writes_in(f"import os\n{line}\n")] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "path.open('rb')",
        "open(path)",
        "write_text(path, 'x')",
        "stream = BytesIO(); np.save(stream, a)",
        "os.open(os.devnull, os.O_WRONLY)",
    ],
)
def test_what_writes_no_file_is_passed_over(line):
    assert list(writes_in(line)) == []


def test_no_module_writes_by_itself():
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in MODULES
        if path.relative_to(SOURCE).as_posix() not in EXEMPT
        for line, name in writes_in(path.read_text(encoding="utf-8"))
    ]
    assert found == []
