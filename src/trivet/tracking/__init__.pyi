from .entries import Entries as Entries
from .entries import Logged as Logged
from .entries import entries_of as entries_of
from .mlflow import log_to_mlflow as log_to_mlflow
from .wandb import log_to_wandb as log_to_wandb
