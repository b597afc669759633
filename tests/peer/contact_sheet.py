#!/usr/bin/env python3
"""One sheet with every corruption at every severity, for looking at: contact_sheet.py TOOL OUT.png [EDITION [PHOTOGRAPH]]"""
import sys

import numpy as np
from PIL import Image, ImageDraw

import peers

OWN = peers.NAMES + ["low_light"]


def main():
    tool = peers.Tool(sys.argv[1])
    edition = sys.argv[3] if len(sys.argv) > 3 else "fixed"
    pictures = peers.photographs()
    picture = pictures[sys.argv[4] if len(sys.argv) > 4 else "chelsea"]
    frost = "" if edition == "fixed" else str(peers.FROST)
    half = (len(OWN) + 1) // 2
    side, gap = picture.shape[0], 4
    sheet = Image.new("RGB", ((side + gap) * 10, (side + gap) * half), "white")
    for number, name in enumerate(OWN):
        for severity in range(1, 6):
            result = tool(name, picture, severity, edition, frost=frost, key=10 * number + severity)
            place = ((number // half * 5 + severity - 1) * (side + gap), number % half * (side + gap))
            sheet.paste(Image.fromarray(result), place)
            ImageDraw.Draw(sheet).text((place[0] + 3, place[1] + 2), f"{name} {severity}", fill="red")
    sheet.save(sys.argv[2])
    tool.close()


main()
