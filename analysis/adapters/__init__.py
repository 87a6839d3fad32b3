"""Adapters as checkpoints: which weights of a base a PEFT adapter changes, and what it makes of them.

`modules` reads names alone. `open_adapter` gives an `Adapter`, whose `tuned` is the weight after the adapter. Plain
LoRA and its relatives are computed here (lora.py); the other methods by PEFT, on bare layers with no model around them
(skeleton.py). Importing this package imports neither torch nor PEFT.
"""

from analysis.adapters.adapter import Adapter, Tuned, open_adapter
from analysis.adapters.config import AdapterConfig, check_config
from analysis.adapters.names import AdaptedModule, modules

__all__ = ["AdaptedModule", "Adapter", "AdapterConfig", "Tuned", "check_config", "modules", "open_adapter"]
