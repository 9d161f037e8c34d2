"""Output on its way to readers: small pieces become larger ones, and a character stays in one piece. Pure."""

from __future__ import annotations

from codecs import getincrementaldecoder
from dataclasses import dataclass, field

from ccx_orchestrator.domain.events import Output, Stream

# A program that writes a byte to each output in turn must not make a million pieces: from here on, what belongs to
# one output is put together, and the order between the two is given up.
MAX_PIECES = 16
_LONGEST_CHARACTER = 4


@dataclass(slots=True)
class _Piece:
    case: int | None
    stream: Stream
    data: bytearray


@dataclass(slots=True)
class OutputPieces:
    """Pieces that nobody has been given yet."""

    _pieces: list[_Piece] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return sum(len(piece.data) for piece in self._pieces)

    def add(self, output: Output) -> None:
        """Put it to what it continues."""
        continues = self._pieces if len(self._pieces) >= MAX_PIECES else self._pieces[-1:]
        for piece in reversed(continues):
            if (piece.case, piece.stream) == (output.case, output.stream):
                piece.data += output.data
                return
        self._pieces.append(_Piece(output.case, output.stream, bytearray(output.data)))

    def take(self, *, whole_characters: bool) -> list[Output]:
        """What can be given away: all, or all but the beginnings of characters at the ends of the two outputs."""
        taken: list[Output] = []
        kept: list[_Piece] = []
        for index, piece in enumerate(self._pieces):
            is_last = all(later.stream is not piece.stream for later in self._pieces[index + 1 :])
            cut = end_of_characters(piece.data) if whole_characters and is_last else len(piece.data)
            if cut:
                taken.append(Output(piece.case, piece.stream, bytes(piece.data[:cut])))
            if cut < len(piece.data):
                kept.append(_Piece(piece.case, piece.stream, piece.data[cut:]))
        self._pieces = kept
        return taken


def end_of_characters(data: bytes | bytearray) -> int:
    """Where the last character ends, if what follows may be the beginning of one in UTF-8; else the length."""
    decoder = getincrementaldecoder("utf-8")("replace")
    decoder.decode(bytes(data[1 - _LONGEST_CHARACTER :]))
    beginning, _ = decoder.getstate()
    return len(data) - len(beginning)
