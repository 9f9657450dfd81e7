"""Jets of hardware integers: a small data set, and what its object step in Verilog needs."""

from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.release import ObjectStepOptions
from trigger_lut.fixed_point.formats import KIF

DATA_SET = DataSet.model_validate(
    {
        "name": "d",
        "files": ["x.root"],
        "tree": "t",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["a", "b"]},
        "objects": {
            "jet": {
                "count": 2,
                "sort_by": "pt",
                "features": [
                    {"name": "pt", "expression": "pt", "scale": {"signed": False, "width": 3, "lsb": 2}},
                    {"name": "x", "expression": "x", "format": {"signed": True, "width": 4, "integer": 4}},
                ],
            }
        },
    }
)
OPTIONS = ObjectStepOptions.model_validate(
    {
        "lists": {
            "jet": {
                "length": 4,
                "branches": {"pt": {"signed": False, "width": 4}, "x": {"signed": True, "width": 5}},
            }
        }
    }
)


def formats_of(described):
    return [channel.feature.given or KIF(1, 4, 3) for channel in channels(described)]
