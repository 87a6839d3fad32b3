"""What one of two ranks of FSDP saves: python -m tests.analysis.formats.parallel.fsdp_rank RANK FOLDER ADVICE.

ADVICE is the code that the message about flattened parameters gives; it runs in a folder of the rank.
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, StateDictType, fully_shard

RANKS = 2


def model() -> torch.nn.Module:
    """Odd sizes: the ranks have unequal parts, and of the bias of one element one rank has none."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 1))


def main(rank: int, folder: Path, advice: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=RANKS)
    whole = model()
    torch.save(whole.state_dict(), folder / f"whole_{rank}.pt")
    mesh = init_device_mesh("cpu", (RANKS,))
    for layer in (*whole.children(), whole):
        fully_shard(layer, mesh=mesh)
    torch.save(whole.state_dict(), folder / f"fsdp2_{rank}.pt")
    wrapped = FullyShardedDataParallel(model(), device_id=torch.device("cpu"))
    for kind in (StateDictType.FULL_STATE_DICT, StateDictType.SHARDED_STATE_DICT, StateDictType.LOCAL_STATE_DICT):
        with FullyShardedDataParallel.state_dict_type(wrapped, kind):
            torch.save(wrapped.state_dict(), folder / f"{kind.name.lower()}_{rank}.pt")
    torch.nn.init.zeros_(next(wrapped.parameters()))
    with FullyShardedDataParallel.state_dict_type(wrapped, StateDictType.LOCAL_STATE_DICT):
        wrapped.load_state_dict(torch.load(folder / f"local_state_dict_{rank}.pt", weights_only=False))
    (folder / str(rank)).mkdir()
    os.chdir(folder / str(rank))
    exec(advice, {"model": wrapped, "FSDP": FullyShardedDataParallel, "StateDictType": StateDictType, "torch": torch})
    dist.barrier()  # no rank leaves while another still waits for it
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    os._exit(0)  # threads of gloo may outlive the group, and abort an interpreter that waits for them
