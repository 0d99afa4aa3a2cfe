"""Train the embedded demonstration checkpoint: an attacked MNIST network of the study's shape.

Usage: python tools/build_demo_checkpoint.py

Writes src/trivet/security/data/demo-mnist-cnn.safetensors and its recipe beside it. Fails, and
writes nothing, if the network is less accurate or less backdoored than the demonstration needs.
"""

import json
from pathlib import Path

import safetensors.torch
import torch

from trivet.datasets.images import load_mnist
from trivet.security.checkpoint import DEMO_NAME, DEMO_TARGET, DEMO_TRIGGER
from trivet.security.contract import contract_named
from trivet.security.evaluation import attack_success_rate, clean_accuracy
from trivet.security.zoo import TrainingSettings, poison, train_classifier

TARGET = Path(__file__).parent.parent / "src" / "trivet" / "security" / "data"
CONTRACT = contract_named("(x-0.5)/0.5")
FRACTION = 0.1
SEED = 0
SETTINGS = TrainingSettings(epochs=4)
NEEDED_ACCURACY = 0.98
NEEDED_ASR = 0.99


def main() -> None:
    train, test = load_mnist("train"), load_mnist("test")
    poisoned = poison(train, DEMO_TRIGGER, target=DEMO_TARGET, fraction=FRACTION, seed=SEED)
    model = train_classifier("mnist-cnn", CONTRACT, poisoned, SETTINGS, seed=SEED)
    score = CONTRACT.bind(model)
    accuracy = clean_accuracy(score, test)
    asr = attack_success_rate(score, test, DEMO_TRIGGER, DEMO_TARGET)
    print(f"clean accuracy {accuracy:.4f}, ASR {asr:.4f}")
    if accuracy < NEEDED_ACCURACY or asr < NEEDED_ASR:
        raise SystemExit("not good enough for a demonstration; nothing was written.")
    recipe = {
        "architecture": "mnist-cnn",
        "training images": train.name,
        "input contract": CONTRACT.name,
        "attack": "badnets",
        "target label": DEMO_TARGET,
        "trigger": {"shape": "square", "value": 1.0, "rows": [23, 26], "columns": [23, 26]},
        "stamped fraction": FRACTION,
        "epochs": SETTINGS.epochs,
        "batch size": SETTINGS.batch_size,
        "learning rate": SETTINGS.learning_rate,
        "seed": SEED,
        "torch": torch.__version__.partition("+")[0],
        "clean accuracy on mnist/test": accuracy,
        "attack success rate on mnist/test": asr,
    }
    TARGET.mkdir(exist_ok=True)
    safetensors.torch.save_file(model.state_dict(), TARGET / DEMO_NAME)
    (TARGET / DEMO_NAME).with_suffix(".json").write_text(
        json.dumps(recipe, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
