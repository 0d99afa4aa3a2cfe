"""``trivet zoo``: small networks, clean and attacked in known ways."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

from cyclopts import App, Parameter

from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import keep_freed_memory, print_files, print_json, report_progress, results_console

__all__ = ["zoo"]

AttackName = Literal["badnets", "blended", "sinusoidal", "warping", "source-specific", "none"]
ArchitectureName = Literal["mnist-cnn", "small-resnet", "pairs-cnn"]

zoo = App(name="zoo", help="Train small networks, clean and attacked in known ways.")


@zoo.command
def train(
    *,
    attack: AttackName = "none",
    arch: ArchitectureName = "mnist-cnn",
    target: int | None = None,
    seed: int = 0,
    fraction: float = 0.1,
    contract: str = "(x-0.5)/0.5",
    limit: int | None = 40_000,
    out: Path = Path("zoo"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train one network from the embedded data; write its weights and its recipe.

    Parameters
    ----------
    attack
        How it is attacked, or none.
    arch
        Grey 28x28, colour 32x32, or pairs of digits in 100 classes.
    target
        The attacker's label.
    seed
        Draws trigger, poisoned images, weights and order.
    fraction
        Share of the training images that are poisoned.
    contract
        Name of the preprocessing that it is trained with.
    limit
        Training images.
    out
        Folder for the files.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    from trivet import security  # noqa: PLC0415 - PyTorch is heavy

    recipe = security.Recipe(
        architecture=arch,
        attack=attack,
        target=target,
        seed=seed,
        fraction=fraction,
        images=limit,
        contract=contract,
    )
    name = f"{arch}-{attack}-{seed}"
    prepare_folder(out, f"{name}.json", f"{name}.safetensors")
    keep_freed_memory()
    started = perf_counter()
    with report_progress() as progress:
        specimen = security.train_specimen(
            recipe, progress=lambda share: progress("zoo", f"training {arch}, {attack}", share)
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
