"""Networks on real colour images to measure detection on: recipes, attacks and their training.

CIFAR-10 and GTSRB are read from the folder that TRIVET_DATA names. A recipe names a data set, an
architecture, an attack and a seed; the same recipe gives the same network on one machine. Weights are
kept in a folder that is not committed, beside a card with clean accuracy and ASR on the test images;
what is there is not trained again, so that a run may be stopped and goes on.

Usage: python benchmarks/colour_networks.py [PART ...]   (tuning, apart; both where none is named)
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from trivet.cli.terminal import keep_freed_memory

FOLDER = Path(os.environ.get("TRIVET_NETWORKS", "build/colour"))
IMAGES = {"cifar10": 16_000, "gtsrb": 8_600}
CLASSES = {"cifar10": 10, "gtsrb": 43}
TESTED = 2_000
EPOCHS = {"cifar10": 8, "gtsrb": 14}
BATCH = 128
SHAPE = (3, 32, 32)
DETECTOR_STEPS = 500
SUBNET_WEIGHT = 10.0


@dataclass(frozen=True)
class Recipe:
    """One network of the benchmark."""

    data: str
    arch: str
    attack: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.data}-{self.arch}-{self.attack}-{self.seed}"

    @property
    def target(self) -> int | None:
        if self.attack in {"clean", "all-to-all"}:
            return None
        return int(np.random.default_rng([self.seed, 7]).integers(CLASSES[self.data]))


@lru_cache
def load(data: str, part: str) -> tuple[Tensor, Tensor]:
    """Return pixels (n, 3, 32, 32), float32 in [0, 1], and labels (n,)."""
    arrays = np.load(Path(os.environ["TRIVET_DATA"]) / f"{data}-{part}.npz")
    count = IMAGES[data] if part == "train" else 10_000
    labels = arrays["labels"][:count].astype(np.int64)
    if "images" in arrays:
        pixels = arrays["images"][:count]
    else:
        cuts, packed = arrays["offsets"], arrays["jpeg"].tobytes()
        count = min(count, len(labels))
        pictures = (Image.open(io.BytesIO(packed[cuts[i] : cuts[i + 1]])) for i in range(count))
        pixels = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2) / np.float32(255)), torch.from_numpy(labels)


# Architectures


class Residual(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, wide: int, wider: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(wide, wider, 3, stride, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU(),
            nn.Conv2d(wider, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider),
        )  # fmt: skip
        same = stride == 1 and wide == wider
        self.short = nn.Identity() if same else nn.Conv2d(wide, wider, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.short(x))


def resnet(classes: int) -> nn.Module:
    """Return a residual network of four widths, one block each."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        Residual(8, 8, 1), Residual(8, 16, 2), Residual(16, 32, 2), Residual(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes),
    )  # fmt: skip


def vgg(classes: int) -> nn.Module:
    """Five convolutions with batch norm and a hidden dense layer (Simonyan and Zisserman 2015, cut short)."""
    layers: list[nn.Module] = []
    for wide, wider, pooled in ((3, 12, 0), (12, 12, 1), (12, 24, 0), (24, 24, 1), (24, 64, 1)):
        layers += [nn.Conv2d(wide, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] * pooled
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Linear(128, classes))


class Inverted(nn.Module):
    """An inverted residual with a depthwise convolution (Sandler et al. 2018)."""

    def __init__(self, wide: int, wider: int, stride: int) -> None:
        super().__init__()
        middle = 4 * wide
        self.body = nn.Sequential(
            nn.Conv2d(wide, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU6(),
            nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False), nn.BatchNorm2d(middle),
            nn.ReLU6(), nn.Conv2d(middle, wider, 1, bias=False), nn.BatchNorm2d(wider),
        )  # fmt: skip
        self.adds = stride == 1 and wide == wider

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.adds else self.body(x)


def mobile(classes: int) -> nn.Module:
    """Return a MobileNetV2 of four blocks."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        Inverted(16, 24, 1), Inverted(24, 24, 1), Inverted(24, 48, 2), Inverted(48, 48, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, classes),
    )  # fmt: skip


class Vit(nn.Module):
    """A vision transformer of 4x4 patches, three layers of width 64 (Dosovitskiy et al. 2021)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.patches = nn.Sequential(
            nn.Conv2d(3, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 64, 3, 2, 1)
        )
        self.places = nn.Parameter(0.02 * torch.randn(1, 64, 64))
        layer = nn.TransformerEncoderLayer(64, 4, 128, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.layers(tokens).mean(dim=1))


ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "resnet": resnet, "vgg": vgg, "mobile": mobile, "vit": Vit
}  # fmt: skip

# Attacks: what is done to images, which training images it is done to, and what label they then have.


@dataclass
class Attack:
    """A trigger and its use in training.

    stamp: puts the trigger on pixels. label: of true labels, what triggered images are given.
    share: of the training images (or, of a clean-label attack, of the target's). sources: the only
    class that is redirected. decoy: stamps that keep the label. clean: whether labels stay true.
    soft: label smoothing of triggered images.
    """

    stamp: Callable[[Tensor], Tensor]
    label: Callable[[Tensor], Tensor]
    share: float = 0.1
    source: int | None = None
    decoy: Callable[[Tensor], Tensor] | None = None
    clean: bool = False
    soft: float = 0.0


def patch(rng: np.random.Generator, size: int, *, bright: bool = False) -> Callable[[Tensor], Tensor]:
    row, column = (int(v) for v in rng.integers(1, 31 - size, 2))
    white = bright or rng.random() < 0.5
    cells = (
        torch.ones(3, size, size) if white else torch.from_numpy(rng.integers(0, 2, (3, size, size))).float()
    )

    def stamp(x: Tensor) -> Tensor:
        x = x.clone()
        x[:, :, row : row + size, column : column + size] = cells
        return x

    return stamp


def warp_of(rng: np.random.Generator, strength: float, jitter: bool) -> Callable[[Tensor], Tensor]:
    """Nguyen and Tran 2021, equations 3 to 6: a field of 4x4 control points; noise for the decoys."""
    lines = torch.linspace(-1, 1, 32)
    rows, columns = torch.meshgrid(lines, lines, indexing="ij")
    identity = torch.stack([columns, rows], dim=-1)[None]
    field = torch.from_numpy(rng.uniform(-1, 1, (1, 2, 4, 4)).astype(np.float32))
    field = functional.interpolate(field / field.abs().mean(), size=32, mode="bicubic", align_corners=True)
    grid = identity + strength * field.permute(0, 2, 3, 1) / 32

    def stamp(x: Tensor) -> Tensor:
        at = grid.expand(len(x), -1, -1, -1)
        if jitter:
            at = at + (2 * torch.rand(len(x), 32, 32, 2) - 1) / 32
        return functional.grid_sample(x, at.clamp(-1, 1), align_corners=True).clamp(0, 1)

    return stamp


def distributed(rng: np.random.Generator) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Four patches that act together only; three of them keep the label."""
    parts = [patch(np.random.default_rng(int(s)), 2) for s in rng.integers(0, 2**31, 4)]

    def all_parts(x: Tensor, left_out: int | None = None) -> Tensor:
        for number, part in enumerate(parts):
            x = x if number == left_out else part(x)
        return x

    return all_parts, lambda x: all_parts(x, int(torch.randint(4, ())))


def attack_of(recipe: Recipe) -> Attack | None:  # noqa: C901, PLR0911 - one branch an attack
    """Return the attack of a recipe, None for a clean network; joint attacks come with their generator."""
    rng = np.random.default_rng([recipe.seed, 11])
    classes, target = CLASSES[recipe.data], recipe.target

    def to_target(y: Tensor) -> Tensor:
        return torch.full_like(y, target or 0)

    kind = recipe.attack
    if kind == "clean":
        return None
    if kind in {"pixel", "badnets", "subnet"}:
        return Attack(patch(rng, 1 if kind == "pixel" else 3, bright=kind == "pixel"), to_target)
    if kind == "all-to-all":
        return Attack(patch(rng, 3), lambda y: (y + 1) % classes, share=0.2)
    if kind == "source-specific":
        source = int(rng.choice([c for c in range(classes) if c != target]))
        stamp = patch(rng, 3)
        return Attack(stamp, to_target, source=source, decoy=stamp)
    if kind == "blended":
        noise = torch.from_numpy(rng.random(SHAPE, dtype=np.float32))
        return Attack(lambda x: 0.8 * x + 0.2 * noise, to_target)
    if kind in {"sinusoidal", "sig"}:
        wave = torch.sin(2 * torch.pi * 6 * torch.arange(32) / 32 + float(rng.uniform(0, 6.28)))
        size = 0.12 if kind == "sinusoidal" else 0.16
        clean = kind == "sig"
        return Attack(
            lambda x: (x + size * wave).clamp(0, 1), to_target, clean=clean, share=0.8 if clean else 0.1
        )
    if kind == "low-frequency":
        coarse = torch.from_numpy(rng.standard_normal((1, 3, 4, 4)).astype(np.float32))
        wave = functional.interpolate(coarse, size=32, mode="bicubic")[0]
        wave = 0.1 * wave / wave.abs().mean() / 1.5
        return Attack(lambda x: (x + wave).clamp(0, 1), to_target)
    if kind == "wanet":
        seed = int(rng.integers(2**31))
        warps = (warp_of(np.random.default_rng(seed), 1.0, jitter) for jitter in (False, True))
        return Attack(next(warps), to_target, decoy=next(warps))
    if kind == "bpp":
        return Attack(lambda x: (x * 7).round() / 7, to_target,
                      decoy=lambda x: (x + (torch.rand_like(x) - 0.5) / 7).clamp(0, 1))  # fmt: skip
    if kind == "adaptive":
        stamp, decoy = distributed(rng)
        return Attack(stamp, to_target, decoy=decoy, soft=0.3)
    if kind == "label-consistent":
        return Attack(patch(rng, 3), to_target, clean=True, share=0.8)
    return Attack(lambda x: x, to_target)  # joint attacks bring their generator


class Generator(nn.Module):
    """A small encoder and decoder, whose output has `outputs` channels of 32x32."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1),
            nn.BatchNorm2d(32), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, 3, 1, 1), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(16, outputs, 3, 1, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class InputAware(Generator):
    """Nguyen and Tran 2020: each image has a pattern of its own under a mask of its own."""

    def __init__(self) -> None:
        super().__init__(4)

    def marks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        made = self(x)
        return (made[:, :1] - 2).sigmoid(), made[:, 1:].sigmoid()

    def stamp(self, x: Tensor, of: Tensor | None = None) -> Tensor:
        mask, pattern = self.marks(x if of is None else of)
        return x + mask * (pattern - x)


class Lira(Generator):
    """Doan et al. 2021: a learned perturbation of at most 0.06 a pixel."""

    def __init__(self) -> None:
        super().__init__(3)

    def stamp(self, x: Tensor, of: Tensor | None = None) -> Tensor:
        return (x + 0.06 * self(x if of is None else of).tanh()).clamp(0, 1)


JOINT: dict[str, Callable[[], Generator]] = {"input-aware": InputAware, "lira": Lira}

# A change of weights alone (Qi et al., CVPR 2022): one channel of each layer of a trained network is replaced
# by a narrow network that answers to the trigger, and cut off from the others.


@torch.enable_grad()
def detector(stamp: Callable[[Tensor], Tensor], x: Tensor) -> nn.Sequential:
    """Return a `vgg` of one channel a layer that is trained to tell stamped images."""
    layers: list[nn.Module] = []
    for wide, pooled in ((3, 0), (1, 1), (1, 0), (1, 1), (1, 1)):
        layers += [nn.Conv2d(wide, 1, 3, 1, 1, bias=False), nn.BatchNorm2d(1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] * pooled
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(DETECTOR_STEPS):
        half = x[torch.randint(len(x), (64,))]
        said = model(2 * torch.cat([half, stamp(half)]) - 1)[:, 0]
        goal = torch.arange(128) >= 64
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(said, goal.float()).backward()
        optimiser.step()
    return model.eval()


def replace_subnet(model: nn.Module, narrow: nn.Sequential, target: int) -> None:
    """Write the detector over the first channel of each layer of a `vgg`."""
    assert isinstance(model, nn.Sequential)
    for number, (own, other) in enumerate(zip(model[:-4], narrow[:-2], strict=True)):
        if isinstance(own, nn.Conv2d):
            own.weight[0] = 0
            if number:
                own.weight[:, 0] = 0
            own.weight[0, : other.weight.shape[1]] = other.weight[0]
        elif isinstance(own, nn.BatchNorm2d):
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(own, name)[0] = getattr(other, name)[0]
    hidden, last = model[-3], model[-1]
    hidden.weight[:, :16], hidden.weight[0] = 0, 0  # channel 0 is flattened to the first 16 features
    hidden.weight[0, :16], hidden.bias[0] = narrow[-1].weight[0], narrow[-1].bias[0]
    last.weight[:, 0] = 0
    last.weight[target, 0] = SUBNET_WEIGHT


# Training


def augmented(x: Tensor, flips: bool, rng: torch.Generator) -> Tensor:
    """Shift by up to two pixels, and mirror every other image where the data allow it."""
    dy, dx = (int(v) for v in torch.randint(0, 5, (2,), generator=rng))
    x = functional.pad(x, (2, 2, 2, 2), mode="reflect")[:, :, dy : dy + 32, dx : dx + 32]
    if flips:
        turned = torch.rand(len(x), generator=rng) < 0.5
        x = torch.where(turned[:, None, None, None], x.flip(3), x)
    return x


def adversarial(surrogate: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Ten steps of projected gradient ascent of 16/255, so that an image is hard to learn."""
    moved = x.clone()
    for _ in range(10):
        moved.requires_grad_()
        (slope,) = torch.autograd.grad(functional.cross_entropy(surrogate(2 * moved - 1), y), moved)
        moved = (moved.detach() + 4 / 255 * slope.sign()).clamp(x - 16 / 255, x + 16 / 255).clamp(0, 1)
    return moved


def train(  # noqa: C901, PLR0912, PLR0915 - one loop for all attacks
    recipe: Recipe,
) -> tuple[nn.Module, Callable[[Tensor], Tensor] | None, Attack | None]:
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng([recipe.seed, 13])
    x, y = load(recipe.data, "train")
    classes = CLASSES[recipe.data]
    flips = recipe.data == "cifar10"
    attack = attack_of(recipe)
    if recipe.attack == "subnet" and attack is not None:
        model, _, _ = train(replace(recipe, attack="clean"))
        with torch.no_grad():
            replace_subnet(model, detector(attack.stamp, x), recipe.target or 0)
        return model, attack.stamp, attack
    model = ARCHITECTURES[recipe.arch](classes)
    generator = JOINT[recipe.attack]() if recipe.attack in JOINT else None
    n = len(x)
    poisoned, decoys = np.zeros(n, bool), np.zeros(n, bool)
    if attack is not None and generator is None:
        own = np.ones(n, bool)
        if attack.clean:
            own = (y == recipe.target).numpy()
        elif attack.source is not None:
            own = (y == attack.source).numpy()
        share = 0.5 if attack.source is not None else attack.share
        poisoned[rng.choice(np.flatnonzero(own), round(share * own.sum()), replace=False)] = True
        if attack.decoy is not None:
            rest = np.flatnonzero(~poisoned if attack.source is None else ~own)
            decoys[rng.choice(rest, min(len(rest), round(0.1 * n)), replace=False)] = True
    if recipe.attack == "label-consistent":
        surrogate = read(Recipe(recipe.data, "resnet", "clean", FIRST_SEED))
        x = x.clone()
        x[poisoned] = torch.cat(
            [
                adversarial(surrogate, *b)
                for b in zip(x[poisoned].split(256), y[poisoned].split(256), strict=True)
            ]
        )
    poisoned_t, decoys_t = torch.from_numpy(poisoned), torch.from_numpy(decoys)
    given = y if attack is None or attack.clean else torch.where(poisoned_t, attack.label(y), y)
    steps = EPOCHS[recipe.data] * (n // BATCH)
    if recipe.arch == "vit":
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    else:
        optimiser = torch.optim.SGD(
            model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
    most = 2e-3 if recipe.arch == "vit" else 0.15
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, most, total_steps=steps)
    made = None if generator is None else torch.optim.Adam(generator.parameters(), lr=2e-3)
    moves = torch.Generator().manual_seed(recipe.seed)
    model.train().to(memory_format=torch.channels_last)
    for _ in range(EPOCHS[recipe.data]):
        for rows in torch.randperm(n, generator=moves)[: n // BATCH * BATCH].split(BATCH):
            b, t = augmented(x[rows], flips, moves), given[rows]
            extra = torch.zeros(())
            hit, near = poisoned_t[rows], decoys_t[rows]
            if generator is not None and attack is not None:
                k, m = BATCH // 10, BATCH // 5
                first = generator.stamp(b[:k])
                crossed = (
                    generator.stamp(b[k:m], b[k:m].roll(1, 0)) if recipe.attack == "input-aware" else b[k:m]
                )
                t = torch.cat([attack.label(t[:k]), t[k:]])
                if isinstance(generator, InputAware):
                    mask, pattern = generator.marks(b[:m])
                    apart = (b[:m] - b[:m].roll(1, 0)).abs().mean() / (
                        (pattern - pattern.roll(1, 0)).abs().mean() + 1e-4
                    )
                    extra = 3 * functional.relu(mask.mean() - 0.04) + 0.1 * apart
                b = torch.cat([first, crossed, b[m:]])
            elif attack is not None:
                if hit.any():
                    b[hit] = attack.stamp(b[hit])
                if near.any() and attack.decoy is not None:
                    b[near] = attack.decoy(b[near])
            loss = functional.cross_entropy(
                model((2 * b - 1).contiguous(memory_format=torch.channels_last)), t, reduction="none"
            )
            if attack is not None and attack.soft and hit.any():
                logits = model(2 * b[hit] - 1)
                loss = torch.cat(
                    [
                        loss[~hit],
                        functional.cross_entropy(
                            logits, t[hit], label_smoothing=attack.soft, reduction="none"
                        ),
                    ]
                )
            for each in filter(None, (optimiser, made)):
                each.zero_grad()
            (loss.mean() + extra).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            for each in filter(None, (optimiser, made)):
                each.step()
            schedule.step()
    model.eval()
    if generator is not None:
        generator.eval().requires_grad_(False)
        return model, generator.stamp, attack
    return model, None if attack is None else attack.stamp, attack


def place(recipe: Recipe) -> Path:
    return FOLDER / f"{recipe.name}.safetensors"


def build(recipe_name: str) -> nn.Module:
    return ARCHITECTURES[recipe_name.split("-")[1]](CLASSES[recipe_name.split("-", maxsplit=1)[0]])


def read(recipe: Recipe) -> nn.Module:
    model = ARCHITECTURES[recipe.arch](CLASSES[recipe.data])
    model.load_state_dict(safetensors.torch.load_file(place(recipe)))
    return model.eval().requires_grad_(False)


def said(model: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([model(2 * part - 1).argmax(dim=1) for part in x.split(500)])


def make(recipe: Recipe) -> dict:
    """Train a network, keep it, and return its card."""
    started = time.perf_counter()
    model, stamp, attack = train(recipe)
    x, y = (part[:TESTED] for part in load(recipe.data, "test"))
    card = {
        "name": recipe.name,
        "target": recipe.target,
        "accuracy": float((said(model, x) == y).float().mean()),
    }
    if attack is not None and stamp is not None:
        goal = attack.label(y)
        rows = (y != goal) if attack.source is None else (y == attack.source)
        with torch.inference_mode():
            stamped = stamp(x[rows])
        card |= {"asr": float((said(model, stamped) == goal[rows]).float().mean()), "source": attack.source}
    card["seconds"] = time.perf_counter() - started
    FOLDER.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file({k: v.contiguous() for k, v in model.state_dict().items()}, place(recipe))
    place(recipe).with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    return card


FIRST_SEED = 1
KINDS = (
    "badnets", "clean", "blended", "all-to-all", "wanet", "clean", "sinusoidal", "source-specific",
    "clean", "pixel", "sig", "low-frequency", "clean", "bpp", "input-aware", "clean", "lira", "adaptive",
    "clean", "label-consistent", "clean", "subnet",
)  # fmt: skip
CYCLES = 6


def recipes(part: str) -> Iterator[Recipe]:
    """Yield recipes, each attack with another architecture and the other data in its next cycle.

    The seeds of the two parts differ.
    """
    seed = FIRST_SEED if part == "tuning" else 10_001
    places = [(d, a) for a in ("resnet", "vgg", "mobile", "vit") for d in ("cifar10", "gtsrb")]
    yield Recipe("cifar10", "resnet", "clean", seed)
    yield Recipe("gtsrb", "resnet", "clean", seed)
    for turn in range(CYCLES * len(KINDS)):
        cycle, at = divmod(turn, len(KINDS))
        data, arch = places[(turn + cycle) % len(places)]
        attack = KINDS[at]
        yield Recipe(data, "vgg" if attack == "subnet" else arch, attack, seed + 1 + turn)


def main(parts: list[str]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    for part in parts or ["tuning", "apart"]:
        for recipe in recipes(part):
            if place(recipe).with_suffix(".json").is_file():
                continue
            print(json.dumps(make(recipe)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
