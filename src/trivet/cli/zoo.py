"""``trivet zoo``: small networks, clean and attacked in known ways."""

from pathlib import Path
from time import perf_counter

from cyclopts import App

from trivet.cli.options import Json, command
from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import keep_freed_memory, print_files, print_json, report_progress, results_console
from trivet.security.settings import Recipe

__all__ = ["zoo"]

zoo = App(name="zoo", help="Train small networks, clean and attacked in known ways.")


@zoo.command
@command
def train(*, recipe: Recipe, device: str = "cpu", out: Path = Path("zoo"), json: Json = False) -> int:
    """Train one network from the embedded data; write its weights and its recipe.

    Parameters
    ----------
    device
        Where it is trained: cpu, cuda, cuda:1, mps or auto.
    out
        Folder for the files.
    """
    from trivet import security  # noqa: PLC0415 - PyTorch is heavy

    name = f"{recipe.architecture}-{recipe.attack}-{recipe.seed}"
    prepare_folder(out, f"{name}.json", f"{name}.safetensors")
    keep_freed_memory()
    started = perf_counter()
    with report_progress() as progress:
        specimen = security.train_specimen(
            recipe,
            device=device,
            progress=lambda share: progress("zoo", f"training {recipe.architecture}, {recipe.attack}", share),
        )
    files = security.save_specimen(specimen, out / f"{name}.safetensors")
    seconds = perf_counter() - started
    if json:
        print_json(
            {
                "files": [str(path) for path in files],
                "clean_accuracy": specimen.clean_accuracy,
                "attack_success_rate": specimen.attack_success_rate,
                "seconds": seconds,
            }
        )
    else:
        console = results_console()
        success = specimen.attack_success_rate
        asr = "" if success is None else f", attack success rate {success:.4f}"
        console.print(f"clean accuracy {specimen.clean_accuracy:.4f}{asr} ({seconds:.0f} s)")
        print_files(console, files)
    return 0
