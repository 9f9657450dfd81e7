"""The input channels of a data set in order: its features, then the slots of its objects, slot by slot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from trigger_lut.config.data_set.features import Feature
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.errors import ConfigurationError

PRESENT = {"signed": False, "width": 1, "integer": 1}


@dataclass(frozen=True)
class Channel:
    """One column of the codes.

    name     Such as 'mass', or '<objects>_<slot>_<feature>'.
    feature  Its description: expression, format, treatment of NaN.
    group    Channels of one group have one format, such as a feature in all slots.
    objects  Name of the objects, None for a feature of the entry.
    slot     Position of the object, from 0 on.
    present  Whether it is the mask: 1 where the slot has an object.
    """

    name: str
    feature: Feature
    group: str
    objects: str | None = None
    slot: int = 0
    present: bool = False


def channels(data_set: DataSet) -> list[Channel]:
    """Return every column of the codes, slot by slot: a network of shape [slots, features] has one object per row.

    Parameters
    ----------
    data_set : DataSet

    Returns
    -------
    list of Channel

    Raises
    ------
    ConfigurationError
        If two channels have the same name.
    """
    listed = [Channel(f.name, f, f.name) for f in data_set.features]
    for kind, objects in data_set.objects.items():
        for slot in range(objects.count):
            listed += [Channel(f"{kind}_{slot}_{f.name}", f, f"{kind}.{f.name}", kind, slot) for f in objects.features]
            if objects.mask is not None:
                feature = Feature.model_validate({"name": objects.mask, "format": PRESENT})
                name = f"{kind}_{slot}_{objects.mask}"
                listed.append(Channel(name, feature, f"{kind}.{objects.mask}", kind, slot, present=True))
    if twice := [name for name, count in Counter(channel.name for channel in listed).items() if count > 1]:
        raise ConfigurationError(f"data set {data_set.name}: two channels have the name {twice[0]!r}; rename a feature")
    return listed
