import gzip
from pathlib import Path

from tasks import compress_logs


async def test_every_log_is_compressed(tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number}.log").write_text("a line\n" * 100)

    assert await compress_logs({}, str(tmp_path)) == "25 files compressed"
    assert gzip.decompress((tmp_path / "7.log.gz").read_bytes()) == b"a line\n" * 100
