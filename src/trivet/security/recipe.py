"""Recipe of a network of the zoo."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge

from trivet.settings import Count, Rate, Seed, SettingError, Settings

__all__ = ["ArchitectureName", "AttackName", "Recipe"]

AttackName = Literal["badnets", "blended", "sinusoidal", "warping", "source-specific", "none"]
ArchitectureName = Literal["mnist-cnn", "small-resnet", "pairs-cnn"]


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """Recipe of a specimen; the same recipe gives the same weights on the same machine.

    Attributes
    ----------
    architecture
        Grey 28x28, colour 32x32, or pairs of digits in 100 classes.
    attack
        How it is attacked, or none.
    target
        The attacker's label, for an attack.
    seed
        Draws trigger, poisoned images, weights and order.
    fraction
        Share of the training images that are poisoned.
    images
        Training images; None means all.
    contract
        Name of the preprocessing that it is trained with.
    """

    architecture: ArchitectureName = field(default="mnist-cnn", metadata={"option": "arch"})
    attack: AttackName = "none"
    target: Annotated[int, Ge(0)] | None = None
    seed: Seed = 0
    fraction: Rate = 0.1
    images: Count | None = field(default=40_000, metadata={"option": "limit"})
    contract: str = "(x-0.5)/0.5"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attack != "none" and self.target is None:
            raise SettingError(
                "an attack needs the label that it aims at; give {target} with {kind}.", kind=self.attack
            )
