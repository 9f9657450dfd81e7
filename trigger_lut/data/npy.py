"""Arrays in a .npz file that need not fit into memory: stored as they are, and mapped instead of read.

A .npz is a ZIP archive with one .npy file an array. Stored without compression, as here, an array's elements lie in one
piece in the file. `numpy.savez` stores too, but at offsets that no element type is aligned to; NumPy then copies whole
arrays on indexing. Here the local headers carry padding (an extra field, 4.5 of PKWARE's APPNOTE.TXT).
"""

from __future__ import annotations

import mmap
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.data.stored_arrays import Stored

ALIGNED = 64  # bytes: numpy.lib.format pads the header of a .npy to as many
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature; lengths of name and extra field (APPNOTE.TXT, 4.3.7)
ZIP64_EXTRA = 20  # bytes that zipfile adds to the extra field for sizes beyond 4 GB
PADDING_ID = 0xD935  # of the extra field; the one that Android's zipalign uses


def write_arrays(out: IO[bytes], arrays: Mapping[str, NDArray[Any] | Stored]) -> None:
    """Write a .npz that can be mapped. Equal arrays give equal bytes.

    Parameters
    ----------
    out : binary file
    arrays : mapping of str to numpy.ndarray or Stored
        Mapped arrays are read piece by piece.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # its time is 1980-01-01
            begin = out.tell() + LOCAL_HEADER.size + len(member.filename) + ZIP64_EXTRA + 4
            padding = -begin % ALIGNED
            member.extra = struct.pack("<HH", PADDING_ID, padding) + bytes(padding)
            with archive.open(member, "w", force_zip64=True) as file:
                if isinstance(array, Stored):
                    _write_stored(file, array)
                else:
                    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def _write_stored(file: IO[bytes], array: Stored) -> None:
    described = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(array.dtype)),
        "fortran_order": False,
        "shape": array.shape,
    }
    np.lib.format.write_array_header_1_0(file, described)
    for piece in array.pieces():
        file.write(piece)


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a .npz by name, read-only: mapped where stored, in memory where compressed.

    Everything is read once, piece by piece, to compare it with its checksums.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to numpy.ndarray

    Raises
    ------
    FileNotFoundError
        If there is no file.
    BadZipFile
        If the file is damaged.
    ValueError, EOFError
        If the file is damaged.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        if (damaged := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"{damaged} is damaged: its checksum is not the one that was written")
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return {
            member.filename.removesuffix(".npy"): _array(archive, member, file, whole) for member in archive.infolist()
        }


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: IO[bytes], whole: mmap.mmap) -> NDArray[Any]:
    if member.compress_type != zipfile.ZIP_STORED:
        with archive.open(member) as packed:
            return np.lib.format.read_array(packed, allow_pickle=False)
    file.seek(member.header_offset)
    _, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    begin = member.header_offset + LOCAL_HEADER.size + name + extra
    file.seek(begin)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran, dtype = read(file)
    count = int(np.prod(shape, dtype=np.int64))
    used = file.tell() - begin + count * dtype.itemsize
    if used != member.file_size:
        raise ValueError(f"{member.filename}: header and elements take {used} bytes, found {member.file_size}")
    if dtype.hasobject:
        raise ValueError(f"{member.filename}: Python objects are not read")
    if count == 0:
        return np.zeros(shape, dtype)
    flat = np.frombuffer(whole, dtype, count, file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def forget(array: NDArray[Any]) -> None:
    """Take a mapped array's pages out of this process's memory (they are read again when needed); no effect on others.

    Else everything that was ever read would count as the process's own until the system needs the room.
    """
    owner: Any = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if isinstance(owner, mmap.mmap):
        owner.madvise(mmap.MADV_DONTNEED)
