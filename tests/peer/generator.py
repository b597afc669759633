"""Where ImageNet-C's generator (hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py) does other things than
imagecorruptions: written anew from its description, with ImageMagick for the motion blur, as there. Each function takes
the picture and its random numbers and gives the float picture before the cast to u8."""
import ctypes
import io

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

MOTIONS = {1: (10, 3), 2: (15, 5), 3: (15, 8), 4: (15, 12), 5: (20, 15)}
SNOWS = {1: (.1, .3, 3, .5, 10, 4, .8), 2: (.2, .3, 2, .5, 12, 4, .7), 3: (.55, .3, 4, .9, 12, 8, .7),
         4: (.55, .3, 4.5, .85, 12, 8, .65), 5: (.55, .3, 2.5, .85, 12, 12, .55)}
ELASTICS = {1: (2, .7, .1), 2: (2, .08, .2), 3: (.05, .01, .02), 4: (.07, .01, .02), 5: (.12, .01, .02)}
FROSTS = {1: (1, .4), 2: (.8, .6), 3: (.7, .7), 4: (.65, .7), 5: (.6, .75)}


def magick_motion(picture, radius, sigma, angle):
    from wand.api import library
    from wand.image import Image as Wand
    library.MagickMotionBlurImage.argtypes = (ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_double)
    png = io.BytesIO()
    Image.fromarray(picture).save(png, format="PNG")
    with Wand(blob=png.getvalue()) as image:
        library.MagickMotionBlurImage(image.wand, radius, sigma, angle)
        blob = image.make_blob("png")
    moved = Image.open(io.BytesIO(blob)).convert("L" if picture.ndim == 2 else "RGB")
    return np.array(moved)


def motion_blur(picture, severity, angle):
    return magick_motion(picture, *MOTIONS[severity], angle).astype(float)


def snow(picture, severity, normal, angle, exact=None):
    """`exact`: a motion blur of float pictures, in whose place the layer is not cut to whole levels."""
    mean, deviation, factor, threshold, radius, sigma, mix = SNOWS[severity]
    side = len(picture)
    part = int(np.ceil(side / factor))
    first = (side - part) // 2
    layer = ndimage.zoom((mean + deviation * normal)[first:first + part, first:first + part], factor, order=1)
    excess = (len(layer) - side) // 2
    layer = layer[excess:excess + side, excess:excess + side]
    layer = np.where(layer < threshold, 0, np.clip(layer, 0, 1))
    if exact:
        layer = exact(layer, radius, sigma, angle)
    else:
        layer = magick_motion((layer * 255).astype(np.uint8), radius, sigma, angle) / 255.0
    x = picture.astype(np.float32) / 255
    gray = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None]
    x = mix * x + (1 - mix) * np.maximum(x, gray * 1.5 + 0.5)
    return np.clip(x + (layer + layer[::-1, ::-1])[..., None], 0, 1) * 255


def frost(picture, severity, files, number, top, left):
    ice = cv2.imread(str(files[number]))[..., ::-1]
    side = len(picture)
    a, b = FROSTS[severity]
    return np.clip(a * picture + b * ice[top:top + side, left:left + side].astype(float), 0, 255)


def elastic_transform(picture, severity, moves, field_x, field_y):
    """moves: [3, 2], U(-1, 1), as the fields [rows, cols]."""
    alpha, sigma, affine = (244 * value for value in ELASTICS[severity])
    rows, cols = picture.shape[:2]
    middle, third = np.float32([rows // 2, cols // 2]), min(rows, cols) // 3
    start = np.float32([middle + third, middle + [third, -third], middle - third])
    end = (start + affine * moves).astype(np.float32)
    x = cv2.warpAffine(picture.astype(np.float32) / 255, cv2.getAffineTransform(start, end), (cols, rows),
                       borderMode=cv2.BORDER_REFLECT_101)
    dx, dy = (ndimage.gaussian_filter(f, sigma, mode="reflect", truncate=3) * alpha for f in (field_x, field_y))
    grid_y, grid_x = np.mgrid[:rows, :cols]
    channels = [ndimage.map_coordinates(x[..., c], (grid_y + dy, grid_x + dx), order=1, mode="reflect")
                for c in range(3)]
    return np.clip(np.stack(channels, -1), 0, 1) * 255
