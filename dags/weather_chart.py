"""Draws the chart of the weather report: SVG by hand, so that the example needs no plotting library.

A module beside the files that use it is imported by its name, as everywhere in Python.
"""

from html import escape

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

WIDTH, HEIGHT = 820, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 750, 92, 398
RED, BLUE, GREY, SLATE, INK = "#d1495b", "#2e6f95", "#b9c9d6", "#5b7083", "#2b2f33"
STEPS = 6


def monthly_chart(months, title):
    """An SVG document: bars for the precipitation (right axis), lines for the mean temperatures (left axis).

    `months` are dictionaries with `name`, `temp_max_mean`, `temp_min_mean` (deg C) and `precipitation_mean` (mm).
    """
    degrees = Scale([value for month in months for value in (month["temp_max_mean"], month["temp_min_mean"])])
    rain = Scale([month["precipitation_mean"] for month in months])
    centers = [LEFT + (index + 0.5) * (RIGHT - LEFT) / len(months) for index in range(len(months))]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        "<desc>Mean daily maximum and minimum temperature and mean precipitation of each calendar month</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(WIDTH / 2, 34, title, size=20, weight="600"),
        *legend(),
        *grid(degrees, rain),
        *bars(months, centers, rain),
        *line([month["temp_max_mean"] for month in months], centers, degrees, RED),
        *line([month["temp_min_mean"] for month in months], centers, degrees, BLUE),
        *(text(center, BOTTOM + 22, month["name"]) for month, center in zip(months, centers, strict=True)),
        text(WIDTH / 2, HEIGHT - 14, "Month"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class Scale:
    """A vertical axis from a round number at or below the smallest value (and 0) to one at or above the largest."""

    def __init__(self, values):
        low, high = min(0, *values), max(values)
        rough = (high - low) / STEPS or 1
        power = 10 ** (len(str(int(rough))) - 1)
        self.step = next(factor * power for factor in (1, 2, 3, 5, 10) if factor * power >= rough)
        self.low = int(low // self.step) * self.step
        self.high = self.low + STEPS * self.step
        while self.high < high:
            self.high += self.step

    def y(self, value):
        return BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)

    def ticks(self):
        return range(self.low, self.high + 1, self.step)


def grid(degrees, rain):
    parts = []
    for tick in degrees.ticks():
        y = degrees.y(tick)
        parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e8ecef"/>')
        parts.append(text(LEFT - 10, y + 4.5, tick, anchor="end"))
    parts += [text(RIGHT + 10, rain.y(tick) + 4.5, tick, anchor="start", color=SLATE) for tick in rain.ticks()]
    parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}" stroke="{INK}"/>')
    middle = (TOP + BOTTOM) / 2
    parts.append(text(22, middle, "Temperature (°C)", turn=-90))
    parts.append(text(WIDTH - 16, middle, "Precipitation (mm a month)", color=SLATE, turn=90))
    return parts


def bars(months, centers, rain):
    width = (RIGHT - LEFT) / len(months) * 0.6
    for month, center in zip(months, centers, strict=True):
        top = rain.y(month["precipitation_mean"])
        yield (
            f'<rect x="{center - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{rain.y(0) - top:.1f}" '
            f'rx="2" fill="{GREY}"><title>{month["name"]}: {month["precipitation_mean"]:.1f} mm</title></rect>'
        )


def line(values, centers, scale, color):
    points = [(center, scale.y(value)) for center, value in zip(centers, values, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5" stroke-linejoin="round"/>'
    for (x, y), value in zip(points, values, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"><title>{value:.1f} °C</title></circle>'


def legend():
    y = 60
    for x, color, label in ((140, RED, "mean daily maximum"), (345, BLUE, "mean daily minimum")):
        yield f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" stroke="{color}" stroke-width="2.5"/>'
        yield f'<circle cx="{x + 11}" cy="{y}" r="3.5" fill="{color}"/>'
        yield text(x + 30, y + 4.5, label, anchor="start")
    yield f'<rect x="550" y="{y - 7}" width="14" height="14" rx="2" fill="{GREY}"/>'
    yield text(572, y + 4.5, "mean precipitation", anchor="start")


def text(x, y, content, *, anchor="middle", color=INK, size=13, weight="400", turn=0):
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}" '
        f'font-weight="{weight}"{turned}>{escape(str(content))}</text>'
    )
