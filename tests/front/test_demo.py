import numpy as np
import pytest
from skimage import data

from unblur import demo, files
from unblur.files import Picture


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    scene = demo.blur(demo.load(None), seed=0)
    rows, pictures, restoration = demo.restore_all(scene)
    folder = tmp_path_factory.mktemp("demo")
    return scene, {row.method: row for row in rows}, folder, demo.write_all(folder, scene, pictures, restoration)


def test_total_variation_is_ahead(done):
    psnr = {name: row.psnr for name, row in done[1].items()}
    assert psnr["total variation"] >= psnr["blurred"] + 4
    assert psnr["total variation"] >= max(psnr["inverse filter"], psnr["Wiener"]) + 1


def test_everything_is_written(done):
    _, _, folder, paths = done
    names = ["original", "blurred", "inverse_filter", "wiener", "tikhonov", "total_variation", "psf", "comparison", "convergence"]
    assert sorted(p.stem for p in folder.iterdir()) == sorted(names) == sorted(p.stem for p in paths)


def test_the_table_has_a_line_for_each_method(done):
    lines = demo.table(list(done[1].values())).splitlines()
    assert lines[0].split() == ["method", "PSNR", "SSIM", "iterations", "seconds"]
    assert len(lines) == 6


def test_the_blur_assumes_no_boundary(done):
    # every blurred sample is the PSF's weighted mean of the photograph, all of it known
    scene, photograph = done[0], data.astronaut() / 255
    rows, columns = scene.psf.shape
    for i, j in ((0, 0), (100, 200), (scene.blurred.shape[0] - 1, scene.blurred.shape[1] - 1)):
        window = photograph[i : i + rows, j : j + columns]
        expected = (window * scene.psf[::-1, ::-1, None]).sum(axis=(0, 1))
        assert np.abs(scene.blurred[i, j] - expected).max() < 6 * demo.SIGMA


@pytest.mark.parametrize(("dtype", "shape"), [(np.uint8, (700, 120)), (np.uint16, (90, 100, 3)), (np.float32, (80, 90))])
def test_photographs_of_ones_own(tmp_path, dtype, shape):
    scale = 500 if dtype == np.float32 else np.iinfo(dtype).max
    pixels = np.random.default_rng(0).uniform(size=shape) * scale
    files.write(tmp_path / "a.tif", Picture(pixels.astype(dtype)))
    loaded = demo.load(tmp_path / "a.tif")
    assert loaded.dtype == np.float32
    assert loaded.shape[0] == min(shape[0], demo.LARGEST)
    assert 0 <= loaded.min() < 0.1
    assert 0.9 < loaded.max() <= 1
