"""Line charts as SVG, for a handful of points."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 40, 44, 76
COLOURS = ("#1f5fa8", "#b4531a", "#3f7d3a")


def nice_step(largest, count=5):
    """A step of 1, 2 or 5 times a power of ten, so that about `count` steps reach `largest`."""
    if largest <= 0:
        return 1
    rough = largest / count
    power = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def number(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def chart(title, horizontal, vertical, lines, logarithmic=False):
    """A chart of named lines [(x, y), ...].

    logarithmic: the horizontal axis only; what is measured always grows from zero, so that growth looks like growth.
    """
    xs = sorted({x for _, points in lines for x, _ in points})
    largest = max(y for _, points in lines for _, y in points)
    step = nice_step(largest)
    top = max(step, math.ceil(largest / step) * step)
    if logarithmic:
        first, last = math.log(xs[0]), math.log(xs[-1])
        where = math.log
    else:
        first, last = min(0, xs[0]), xs[-1]

        def where(x):
            return x

    def across(x):
        share = (where(x) - first) / (last - first) if last > first else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(y):
        return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" fill="#222222">{escape(title)}</text>',
    ]
    for index in range(round(top / step) + 1):
        y = up(index * step)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444444">{number(index * step)}</text>')
    for x in xs:
        out.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#444444">{number(x)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - BOTTOM + 36}" text-anchor="middle" fill="#222222">{escape(horizontal)}</text>')
    out.append(f'<text x="16" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" fill="#222222" '
               f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(vertical)}</text>')
    for place, (name, points) in enumerate(lines):
        colour = COLOURS[place % len(COLOURS)]
        way = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        dashes = ' stroke-dasharray="6 4"' if name == "limit" else ""
        out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        if name != "limit":
            out += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
        left = LEFT + place * 210
        out.append(f'<rect x="{left}" y="{HEIGHT - 22}" width="12" height="4" fill="{colour}"/>')
        out.append(f'<text x="{left + 18}" y="{HEIGHT - 15}" fill="#222222">{escape(name)}</text>')
    return "\n".join(out + ["</svg>", ""])
