"""Images come alike out of folders, zips and tars; broken and hostile ones are one message."""

from __future__ import annotations

import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from levelfield.datasets import _images, _split, eurosat

from levelfield import data, registry
from levelfield.errors import UserError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: pip install pillow")

KINDS = ("folder", "zip", "tar", "tar.gz", "tar.xz")
RANDOM = np.random.default_rng(0)


def pixels(height: int = 8, width: int = 8) -> np.ndarray:
    return RANDOM.integers(256, size=(height, width, 3), dtype=np.uint8)


def photos(folder: Path, counts: dict[str, int]) -> dict[str, np.ndarray]:
    """Random images, kept without loss: their values by class and name."""
    made = {}
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            place = f"{name}/{number}.png"
            made[place] = pixels()
            Image.fromarray(made[place]).save(folder / place)
    return made


def packed(folder: Path, kind: str) -> Path:
    """The folder itself, or an archive of it, with its own name above the class folders."""
    path = folder.with_name(f"{folder.name}.{kind}")
    if kind == "folder":
        return folder
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*"), reverse=True):  # not in the order of names
                archive.write(file, file.relative_to(folder.parent))
        return path
    with tarfile.open(path, f"w:{kind[4:]}") as archive:
        archive.add(folder, folder.name)
    return path


def source(path: Path, options: str = ""):
    return registry.dataset(f"imagefolder:path={path}{options}")


def refused(path: Path, options: str = ",size=8") -> UserError:
    with pytest.raises(UserError) as caught:
        source(path, options).load({})
    return caught.value


def bits(samples: np.ndarray) -> np.ndarray:
    """Whole pixel values, after a check that they are pixel / 255 in float32."""
    whole = np.rint(samples * 255).astype(np.uint8)
    np.testing.assert_array_equal(samples, (whole / 255).astype("float32"))
    assert samples.dtype == np.float32
    return whole


# --- what is read


@pytest.mark.parametrize("kind", KINDS)
def test_folders_and_archives_give_the_same_samples(kind, tmp_path):
    made = photos(tmp_path / "photos", {"cat": 5, "dog": 10, "ant": 3})
    images = source(packed(tmp_path / "photos", kind), ",size=8,test=0.3,seed=5")
    split = images.load({})
    assert images.classes == ("ant", "cat", "dog")
    assert images.shape == (8, 8, 3)
    assert images.sizes == (len(split.train), len(split.test)) == (12, 6)
    names = sorted(made)
    labels = np.array([images.classes.index(name.partition("/")[0]) for name in names])
    train, test = _split.stratified(labels, share=0.3, seed=5)
    for samples, given_labels, indices in (
        (split.train, split.train_labels, train),
        (split.test, split.test_labels, test),
    ):
        np.testing.assert_array_equal(bits(samples), [made[names[index]] for index in indices])
        assert given_labels.tolist() == labels[indices].tolist()
        assert given_labels.dtype == np.int64


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_jpegs_are_what_pillow_decodes(kind, tmp_path):
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(pixels(16, 16)).save(folder / name / f"{number}.JPG", "JPEG")
    split = source(packed(folder, kind), ",size=16").load({})
    found = sorted(image.tobytes() for image in bits(np.concatenate([split.train, split.test])))
    files = folder.rglob("*.JPG")
    assert found == sorted(np.asarray(Image.open(file)).tobytes() for file in files)


@given(height=st.integers(1, 12), width=st.integers(1, 12))
def test_the_centred_square_is_kept(height, width):
    image = pixels(height, width)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = _images._cut(Image.fromarray(image), side)
    np.testing.assert_array_equal(cut, image[top : top + side, left : left + side])


@given(height=st.integers(1, 12), width=st.integers(1, 12), size=st.integers(1, 20))
def test_a_resized_image_keeps_to_its_colours(height, width, size):
    low, high = np.array([10, 200, 0]), np.array([40, 250, 90])
    image = RANDOM.integers(low, high, size=(height, width, 3), endpoint=True).astype(np.uint8)
    cut = np.asarray(_images._cut(Image.fromarray(image), size))
    assert cut.shape == (size, size, 3)
    assert (cut >= low).all()
    assert (cut <= high).all()


def test_halving_is_bilinear():
    """Each new pixel weighs its nearest four in a line 1 : 3 : 3 : 1, as a triangle of width 4."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 8] = 240
    row = np.asarray(_images._cut(Image.fromarray(image), 8))[4, :, 0].tolist()
    assert row == [0, 0, 0, 30, 90, 0, 0, 0]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, [255, 255, 255]),
        ("L", 7, [7, 7, 7]),
        ("LA", (7, 3), [7, 7, 7]),
        ("P", 0, [0, 0, 0]),
        ("RGBA", (1, 2, 3, 0), [1, 2, 3]),
        ("CMYK", (0, 255, 0, 0), [255, 0, 255]),
    ],
)
def test_other_modes_become_rgb(mode, colour, expected, tmp_path):
    suffix = "tif" if mode == "CMYK" else "png"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new(mode, (4, 4), colour).save(tmp_path / name / f"{number}.{suffix}")
    split = source(tmp_path, ",size=4").load({})
    assert np.unique(bits(split.train).reshape(-1, 3), axis=0).tolist() == [expected]


def test_what_is_hidden_or_no_image_is_passed_over(tmp_path):
    folder = tmp_path / "photos"
    photos(folder, {"a": 2, "b": 2, ".hidden": 1, "__MACOSX": 1})
    (folder / "a" / ".3.png").write_bytes(b"rest")
    (folder / "a" / "Thumbs.db").write_bytes(b"rest")
    (folder / "readme.txt").write_text("photographs")
    (folder / "empty").mkdir()
    for kind in KINDS:
        images = source(packed(folder, kind), ",size=8")
        assert images.classes == ("a", "b")
        assert images.sizes == (2, 2)


def test_class_folders_may_be_links(tmp_path):
    made = photos(tmp_path / "far", {"a": 2, "b": 2})
    (tmp_path / "near").mkdir()
    for name in ("a", "b"):
        (tmp_path / "near" / name).symlink_to(tmp_path / "far" / name)
    split = source(tmp_path / "near", ",size=8").load({})
    found = {image.tobytes() for image in bits(np.concatenate([split.train, split.test]))}
    assert found == {image.tobytes() for image in made.values()}


def test_a_path_from_the_current_folder_and_from_home(tmp_path, monkeypatch):
    photos(tmp_path / "photos", {"a": 2, "b": 2})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("photos", "./photos", "~/photos", tmp_path / "photos"):
        assert source(path).sizes == (2, 2)


# --- what is cached


def test_changed_images_are_prepared_anew(tmp_path, monkeypatch):
    folder, said = tmp_path / "photos", []
    photos(folder, {"a": 4, "b": 4})
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))

    def prepare():
        said.clear()
        images = source(folder, ",size=8,test=0.5")
        return data.prepare(images, precision="float32", data=tmp_path, announce=said.append)

    first = prepare()
    assert said
    assert (first.sizes, first.classes) == ((4, 4), 2)
    train, _ = data.open_arrays(first.paths, None)
    labels, _ = data.open_arrays(first.labels, None)
    split = source(folder, ",size=8,test=0.5").load({})
    np.testing.assert_array_equal(train, split.train)
    np.testing.assert_array_equal(labels, split.train_labels)
    assert prepare() == first
    assert not said
    Image.fromarray(pixels()).save(folder / "a" / "0.png")
    second = prepare()
    assert said
    assert second.digest != first.digest
    Image.fromarray(pixels()).save(folder / "b" / "more.png")
    assert prepare().sizes == (4, 5)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_state_tells_any_change(kind, tmp_path):
    folder = tmp_path / "photos"
    photos(folder, {"a": 2, "b": 2})
    path = packed(folder, kind)
    states = [source(path).state]
    assert states == [source(path).state]
    file = folder / "a" / "0.png" if kind == "folder" else path
    os.utime(file, ns=(1, 1))
    states.append(source(path).state)
    file.write_bytes(file.read_bytes() + b"!")
    os.utime(file, ns=(1, 1))
    states.append(source(path).state)
    if kind == "folder":
        file.rename(file.with_name("x.png"))
        states.append(source(path).state)
        (folder / "b" / "0.png").unlink()
        states.append(source(path).state)
        (folder / "b" / "0.png").symlink_to("nowhere")
        states.append(source(path).state)
    assert len(set(states)) == len(states)


# --- what is wrong


def test_an_image_that_is_broken_is_named(tmp_path):
    folder = tmp_path / "photos"
    photos(folder, {"a": 3, "b": 3})
    Image.fromarray(pixels(64, 64)).save(folder / "b" / "broken.jpg")
    sound = (folder / "b" / "broken.jpg").read_bytes()
    for content in (sound[: len(sound) // 2], sound[:20], b"", b"some text", b"\x89PNG\r\n\x1a\n"):
        (folder / "b" / "broken.jpg").write_bytes(content)
        for kind in KINDS:
            path = packed(folder, kind)
            error = refused(path)
            inside = "b/broken.jpg" if kind == "folder" else "photos/b/broken.jpg"
            assert error.where == f"{path}, {inside}"
            assert error.seen.startswith("cannot be read as an image (")
            assert error.hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.integers(0, 10_000), bit=st.integers(1, 255), kind=st.sampled_from(["jpg", "png"]))
def test_a_damaged_image_is_samples_or_one_message(place, bit, kind, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir(exist_ok=True)
        for old in (tmp_path / name).iterdir():
            old.unlink()
        for number in range(2):
            image = Image.fromarray(np.full((8, 8, 3), 99, np.uint8))
            image.save(tmp_path / name / f"{number}.{kind}")
    file = tmp_path / "a" / f"0.{kind}"
    content = bytearray(file.read_bytes())
    content[place % len(content)] ^= bit
    file.write_bytes(content)
    try:
        split = source(tmp_path, ",size=8").load({})
    except UserError as error:
        said = str(error)
    else:
        said = f"{tmp_path}, a/0.{kind}: nothing"
        assert split.train.shape == split.test.shape == (2, 8, 8, 3)
    assert said.startswith(f"{tmp_path}, a/0.{kind}: ")


def test_an_image_of_sixteen_bits_is_refused(tmp_path):
    photos(tmp_path, {"a": 2})
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "a" / "deep.png")
    error = refused(tmp_path)
    assert error.where == f"{tmp_path}, a/deep.png"
    assert error.seen.startswith("an image of mode I;16")


def test_an_image_of_absurd_size_is_refused(tmp_path):
    """A PNG of some bytes that claims 100,000 x 100,000 pixels."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0))
    photos(tmp_path, {"a": 2})
    (tmp_path / "a" / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b""))
    error = refused(tmp_path)
    assert error.where == f"{tmp_path}, a/huge.png"
    assert "exceeds limit" in error.seen


@pytest.mark.parametrize("name", ["../b/x.png", "a/../../x.png", "/a/x.png", "..\\a\\x.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_leads_out_of_itself_is_refused(kind, name, tmp_path):
    path = tmp_path / f"photos.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"")
    else:
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo(name))
    error = refused(path)
    assert error.where == str(path)
    assert error.seen == f"holds {name!r}, which leads out of it"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_link_in_an_archive_is_refused(kind, tmp_path):
    path = tmp_path / f"photos.{kind}"
    if kind == "zip":
        info = zipfile.ZipInfo("a/x.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(info, "/etc/passwd")
    else:
        info = tarfile.TarInfo("a/x.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        with tarfile.open(path, "w") as archive:
            archive.addfile(info)
    assert refused(path).seen == "holds 'a/x.png', which is a link or a device"


def test_class_folders_have_to_lie_side_by_side(tmp_path):
    photos(tmp_path / "photos", {"train/cat": 1, "test/cat": 1})
    error = refused(tmp_path / "photos")
    assert error.seen == "'test/cat/0.png' and 'train/cat/0.png' lie at different places"
    assert error.hint
    photos(tmp_path, {"cat": 1})
    (tmp_path / "cat" / "0.png").rename(tmp_path / "0.png")
    assert refused(tmp_path).seen == "'0.png' is in no class folder"


def test_a_name_twice_in_an_archive_is_refused(tmp_path):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a/x.png"))
    assert refused(path).seen == "holds 'a/x.png' twice"


def test_no_images_no_folder_no_archive(tmp_path):
    assert refused(tmp_path).seen.startswith("no image (.bmp, ")
    photos(tmp_path / "few", {"a": 1, "b": 1})
    assert refused(tmp_path / "few").seen == "no class has two images"
    gone = source(tmp_path / "gone")
    for look in (lambda: gone.sizes, lambda: gone.classes, lambda: gone.load({})):
        with pytest.raises(UserError, match=f"{tmp_path / 'gone'}: no such folder or archive"):
            look()
    assert gone.state == ""
    (tmp_path / "photos.zip").write_text("no archive")
    assert refused(tmp_path / "photos.zip").seen.startswith("cannot be read as an archive (")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_an_archive_that_was_cut_short_is_one_message(kind, tmp_path):
    photos(tmp_path / "photos", {"a": 9, "b": 9})
    path = packed(tmp_path / "photos", kind)
    content = path.read_bytes()
    for length in {int(len(content) * share) // 512 * 512 + more
                   for share in (0, 0.05, 0.3, 0.5, 0.6) for more in (0, 100)}:  # fmt: skip
        path.write_bytes(content[:length])
        assert str(path) in refused(path).where


def test_a_tar_with_a_broken_header_is_one_message(tmp_path):
    photos(tmp_path / "photos", {"a": 3, "b": 3})
    path = packed(tmp_path / "photos", "tar")
    with tarfile.open(path) as archive:
        later = archive.getmembers()[4].offset
    content = bytearray(path.read_bytes())
    content[later + 3] ^= 1
    path.write_bytes(content)
    assert refused(path).seen == "cannot be read as an archive (it breaks off)"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagefolder", "the key 'path' is missing"),
        ("imagefolder:path=x,size=0", "size: got 0"),
        ("imagefolder:path=x,test=0", "test: got 0"),
        ("imagefolder:path=x,test=1.0", "test: got 1"),
        ("imagefolder:path=x,seed=-1", "seed: got -1"),
        ("imagefolder:path=2750", "path: got 2750; expected text"),
        ("eurosat:size=3", "unknown key 'size'"),
    ],
)
def test_wrong_options_are_one_message(name, message):
    with pytest.raises(UserError) as caught:
        registry.dataset(name)
    assert message in str(caught.value)


# --- eurosat


@pytest.mark.parametrize(("name", "root"), [("EuroSAT_RGB", "EuroSAT_RGB"), ("EuroSAT", "2750")])
def test_eurosat_is_read_from_either_archive(name, root, tmp_path):
    folder, made = tmp_path / root, {}
    for kind in eurosat.CLASSES:
        (folder / kind).mkdir(parents=True)
        for number in range(1, 6):
            file = folder / kind / f"{kind}_{number}.jpg"
            Image.fromarray(pixels(64, 64)).save(file)
            made[np.asarray(Image.open(file)).tobytes()] = kind
    path = packed(folder, "zip").rename(tmp_path / f"{name}.zip")
    source = registry.dataset("eurosat")
    split = source.load({f"eurosat/{name}.zip": path})
    assert split.train.shape == (40, 64, 64, 3)
    assert split.test.shape == (10, 64, 64, 3)
    assert sorted(split.test_labels) == list(range(10))
    for samples, labels in ((split.train, split.train_labels), (split.test, split.test_labels)):
        for image, label in zip(bits(samples), labels, strict=True):
            assert made.pop(image.tobytes()) == source.classes[label]
    assert not made
    other = registry.dataset("eurosat:seed=1").load({f"eurosat/{name}.zip": path})
    assert not np.array_equal(other.test, split.test)


def test_other_class_folders_are_not_eurosat(tmp_path):
    photos(tmp_path / "2750", {"AnnualCrop": 1, "Forest": 2})
    path = packed(tmp_path / "2750", "zip")
    with pytest.raises(UserError, match="its class folders are AnnualCrop, Forest; expected Ann"):
        registry.dataset("eurosat").load({"eurosat/EuroSAT.zip": path})


def test_what_eurosat_declares():
    """27,000 images in classes of 2,000 to 3,000, a fifth of each for testing."""
    source = registry.dataset("eurosat")
    counts = [3000, 3000, 3000, 2500, 2500, 2000, 2500, 3000, 2500, 3000]
    testing = [_split.for_testing(count, 0.2) for count in counts]
    assert source.sizes == (sum(counts) - sum(testing), sum(testing)) == (21_600, 5_400)
    assert source.shape == (64, 64, 3)
    assert list(source.classes) == sorted(source.classes)
    files = [*source.files, *(file for form in source.forms for file in form)]
    assert [Path(file.path).name for file in files] == ["EuroSAT_RGB.zip", "EuroSAT.zip"]
    for file in files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.urls[0].endswith(Path(file.path).name)
