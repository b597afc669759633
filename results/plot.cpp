#include "results/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "results/markup.h"

namespace automask::results::plot {
namespace {

constexpr double width = 920;          // of plots with rows, in units of about a pixel
constexpr double scatter_width = 640;  // two stand side by side
constexpr double letter = 7.5;         // width of a letter at 12 px, on the wide side: fonts differ between machines
constexpr double right_margin = 32;    // half a tick's label

std::string px(double value) { return fmt::format("{:.1f}", value); }

std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}
double text_width(const std::string& text) { return letter * static_cast<double>(letters(text)); }

// The middle goes where a label is longer than `most` letters: chains differ at both ends.
std::string shortened(const std::string& text, std::size_t most) {
  if (letters(text) <= most) return text;
  const auto byte_of = [&](std::size_t letter_index) {
    std::size_t byte = 0;
    for (std::size_t seen = 0; byte < text.size(); ++byte)
      if ((text[byte] & 0xc0) != 0x80 && seen++ == letter_index) break;
    return byte;
  };
  const std::size_t head = most / 2;
  return text.substr(0, byte_of(head)) + "…" + text.substr(byte_of(letters(text) - (most - head - 1)));
}

std::string series_class(std::size_t series) { return fmt::format("s{}", series % 8); }

// Eight shapes of about equal weight; with eight colours that is told apart without colour too.
std::string shape(std::size_t series, double x, double y, double r) {
  const auto path = [&](std::initializer_list<std::pair<double, double>> corners) {
    std::string d;
    for (const auto& [dx, dy] : corners)
      d += fmt::format("{}{:.1f} {:.1f}", d.empty() ? "M" : "L", x + dx * r, y + dy * r);
    return d + "Z";
  };
  switch ((series + series / 8) % 8) {
    case 0:  // circle
      return fmt::format("M{} {}a{} {} 0 1 0 {} 0a{} {} 0 1 0 {} 0Z", px(x - r), px(y), px(r), px(r), px(2 * r), px(r),
                         px(r), px(-2 * r));
    case 1:
      return path({{-.9, -.9}, {.9, -.9}, {.9, .9}, {-.9, .9}});  // square
    case 2:
      return path({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});  // diamond
    case 3:
      return path({{0, -1.2}, {1.2, .9}, {-1.2, .9}});  // triangle up
    case 4:
      return path({{0, 1.2}, {1.2, -.9}, {-1.2, -.9}});  // triangle down
    case 5:
      return path({{-.4, -1.2},
                   {.4, -1.2},
                   {.4, -.4},
                   {1.2, -.4},
                   {1.2, .4},
                   {.4, .4},
                   {.4, 1.2},
                   {-.4, 1.2},
                   {-.4, .4},
                   {-1.2, .4},
                   {-1.2, -.4},
                   {-.4, -.4}});  // plus
    case 6:
      return path({{-1.2, 0}, {.9, -1.2}, {.9, 1.2}});  // triangle left
    default:
      return path({{1.2, 0}, {-.9, -1.2}, {-.9, 1.2}});  // triangle right
  }
}

struct Axis {
  double low = 0, high = 1, from = 0, to = 1;
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

void text(Markup& svg, double x, double y, const std::string& content, const char* classes, const char* align,
          const std::string& tip = {}) {
  svg.open("text", {{"x", px(x)}, {"y", px(y)}, {"class", classes}, {"text-anchor", align}});
  if (!tip.empty()) svg.element("title", {}, tip);
  svg.text(content).close();
}

void line(Markup& svg, double x1, double y1, double x2, double y2, const std::string& classes) {
  svg.empty("line", {{"x1", px(x1)}, {"y1", px(y1)}, {"x2", px(x2)}, {"y2", px(y2)}, {"class", classes}});
}

void start(Markup& svg, const std::string& title, double height, double wide = width) {
  svg.open("svg", {{"class", "plot"},
                   {"viewBox", fmt::format("0 0 {:.0f} {:.0f}", wide, height)},
                   {"role", "img"},
                   {"aria-label", title},
                   {"xmlns", "http://www.w3.org/2000/svg"}});
  svg.line();
  text(svg, 0, 16, title, "title", "start");
}

// Opens a link around a mark, which shows the tip; the caller closes it.
void open_link(Markup& svg, const Mark& mark) {
  svg.open("a", {{"href", mark.link}});
  svg.element("title", {}, mark.tip);
}

void whisker(Markup& svg, const Axis& axis, const Mark& mark, double y, double cap, const std::string& series) {
  if (!std::isfinite(mark.low) && !std::isfinite(mark.high)) return;
  const double low = axis.at(std::isfinite(mark.low) ? mark.low : mark.value);
  const double high = axis.at(std::isfinite(mark.high) ? mark.high : mark.value);
  line(svg, low, y, high, y, "whisker " + series);
  if (std::isfinite(mark.low)) line(svg, low, y - cap, low, y + cap, "whisker " + series);
  if (std::isfinite(mark.high)) line(svg, high, y - cap, high, y + cap, "whisker " + series);
}

// Names with their shapes, wrapped; returns where it ends.
double legend(Markup& svg, const std::vector<std::string>& names, double left, double top, double wide = width) {
  double x = left, y = top;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;  // a series this plot doesn't show
    const std::string name = shortened(names[i], 60);
    const double needed = 18 + text_width(name) + 18;
    if (x > left && x + needed > wide) {
      x = left;
      y += 20;
    }
    svg.empty("path", {{"d", shape(i, x + 6, y - 4, 4.5)}, {"class", "mark " + series_class(i)}});
    text(svg, x + 17, y, name, "label", "start", names[i]);
    x += needed;
  }
  return y + 10;
}

std::string tick_text(double value, double step) {
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  return fmt::format("{:.{}f}", value, decimals);
}

// "1.50 M" -> "1.5 M": ticks are round numbers.
std::string trimmed(std::string label) {
  const std::size_t point = label.find('.');
  if (point == std::string::npos) return label;
  std::size_t end = std::min(label.find(' ', point), label.size());
  std::size_t begin = end;
  while (label[begin - 1] == '0') --begin;
  if (label[begin - 1] == '.') --begin;
  return label.erase(begin, end - begin);
}

// The bounds of the data, widened to round numbers.
void fit(Axis& axis, std::vector<double> values, double floor, double ceiling, int about, std::vector<double>& ticks,
         bool binary = false) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); }), values.end());
  double low = values.empty() ? 0 : *std::min_element(values.begin(), values.end());
  double high = values.empty() ? 1 : *std::max_element(values.begin(), values.end());
  if (high - low < 1e-12 * std::max(1.0, std::abs(high))) {
    const double half = high == 0 ? 0.5 : std::abs(high) * 0.05;
    low -= half;
    high += half;
  }
  low = std::max(low, floor);
  high = std::min(high, ceiling);
  ticks = nice_ticks(low, high, about, binary);
  axis.low = std::max(floor, std::min(low, ticks.front()));
  axis.high = std::min(ceiling, std::max(high, ticks.back()));
}

void x_grid(Markup& svg, const Axis& axis, const std::vector<double>& ticks, double top, double bottom,
            const std::string& name, std::string (*label)(double) = nullptr) {
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  for (const double tick : ticks) {
    line(svg, axis.at(tick), top, axis.at(tick), bottom, "grid");
    text(svg, axis.at(tick), bottom + 16, label != nullptr ? trimmed(label(tick)) : tick_text(tick, step), "tick",
         "middle");
  }
  text(svg, (axis.from + axis.to) / 2, bottom + 36, name, "axis", "middle");
}

double label_margin(const std::vector<std::string>& labels, std::size_t most) {
  double margin = 60;
  for (const std::string& label : labels) margin = std::max(margin, text_width(shortened(label, most)) + 14);
  return margin;
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int about, bool binary) {
  const double rough = std::max((high - low) / std::max(about, 1), 1e-12);
  double step = 0;
  if (binary && rough >= 1) {
    step = std::exp2(std::ceil(std::log2(rough) - 1e-9));
  } else {
    const double power = std::pow(10, std::floor(std::log10(rough)));
    step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
      if (factor * power >= rough * (1 - 1e-9)) {
        step = factor * power;
        break;
      }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  for (int i = 0; i < 1000; ++i) {
    ticks.push_back((first + i) * step);
    if (ticks.back() >= high - step * 1e-9) break;
  }
  return ticks;
}

std::string draw(const DotPlot& plot) {
  constexpr std::size_t longest = 46;
  const double spacing = plot.series.size() > 5 ? 10 : 12;
  const double row_height = spacing * static_cast<double>(plot.series.size()) + 12;
  Markup svg;
  Markup head;
  const double legend_end = legend(head, plot.series, 0, 42);
  const double top = legend_end + 10, bottom = top + row_height * static_cast<double>(plot.rows.size());
  start(svg, plot.title, bottom + 44);
  svg.trusted(head.str());

  Axis axis;
  axis.from = label_margin(plot.rows, longest);
  axis.to = width - right_margin;
  std::vector<double> values, ticks;
  for (const std::vector<Mark>& row : plot.marks)
    for (const Mark& mark : row) values.insert(values.end(), {mark.value, mark.low, mark.high});
  fit(axis, values, 0, 100, 8, ticks);
  x_grid(svg, axis, ticks, top, bottom, plot.axis);
  for (std::size_t row = 0; row < plot.rows.size(); ++row) {
    const double begin = top + row_height * static_cast<double>(row);
    if (row > 0) line(svg, 0, begin, axis.to, begin, "rule");
    text(svg, axis.from - 10, begin + row_height / 2 + 4, shortened(plot.rows[row], longest), "label", "end",
         plot.rows[row]);
    for (std::size_t series = 0; series < plot.series.size(); ++series) {
      const Mark& mark = plot.marks[row][series];
      if (!std::isfinite(mark.value)) continue;
      const double y = begin + 6 + spacing * (static_cast<double>(series) + 0.5);
      open_link(svg, mark);
      whisker(svg, axis, mark, y, 3, series_class(series));
      svg.empty("path", {{"d", shape(series, axis.at(mark.value), y, 4)}, {"class", "mark " + series_class(series)}});
      svg.close().line();
    }
  }
  return svg.close().str();
}

namespace {

struct Box {
  double left, top, right, bottom;
  double overlap(const Box& other) const {
    const double w = std::min(right, other.right) - std::max(left, other.left);
    const double h = std::min(bottom, other.bottom) - std::max(top, other.top);
    return w > 0 && h > 0 ? w * h : 0;
  }
};

struct Placed {
  double x, y;  // of the text's baseline
  const char* align;
  Box box;
  bool crowded;  // far from its point, or over something
};

// A label near its point that covers as little as possible of points, whiskers and labels placed before.
Placed place(double x, double y, double label_width, const Box& bounds, const std::vector<Box>& taken) {
  constexpr double height = 14;
  Placed best{};
  double best_cost = 1e300;
  for (const double distance : {9.0, 20.0}) {
    constexpr std::array<std::pair<int, int>, 8> directions = {
        {{1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}}};
    for (const auto& [dx, dy] : directions) {
      const double tx = x + dx * distance * (dy == 0 ? 1 : 0.75), ty = y + dy * (distance + 3) + 4;
      const double left = dx > 0 ? tx : dx < 0 ? tx - label_width : tx - label_width / 2;
      const Box box{left, ty - 11, left + label_width, ty - 11 + height};
      double cost = distance * 2 + (dx != 0 && dy != 0 ? 1 : 0);
      for (const Box& other : taken) cost += 20 * box.overlap(other);
      const Box inside{std::max(box.left, bounds.left), std::max(box.top, bounds.top),
                       std::min(box.right, bounds.right), std::min(box.bottom, bounds.bottom)};
      const double visible = std::max(0.0, inside.right - inside.left) * std::max(0.0, inside.bottom - inside.top);
      cost += 50 * (label_width * height - visible);
      if (cost < best_cost) {
        best_cost = cost;
        best = {tx, ty, dx > 0 ? "start" : dx < 0 ? "end" : "middle", box, distance > 10 || cost > 40};
      }
    }
  }
  return best;
}

}  // namespace

std::string draw(const Scatter& plot) {
  constexpr double left = 64, plot_height = 316;
  std::vector<double> xs = {0}, ys, x_ticks, y_ticks;  // costs are read as lengths: from zero
  std::vector<std::string> names;
  for (const Scatter::Point& point : plot.points) {
    xs.push_back(point.x);
    ys.insert(ys.end(), {point.y.value, point.y.low, point.y.high});
    if (names.size() <= point.series) names.resize(point.series + 1);
    names[point.series] = point.label;
  }
  Axis x, y;
  x.from = left;
  x.to = scatter_width - right_margin;
  fit(x, xs, 0, 1e300, 6, x_ticks, plot.binary_ticks);
  fit(y, ys, 0, 100, 6, y_ticks);

  // Labels stand beside their points where there is room for all; else a legend names them.
  y.from = plot_height;
  y.to = 0;
  std::vector<Box> taken;
  for (const Scatter::Point& point : plot.points) {
    const double at_x = x.at(point.x), at_y = y.at(point.y.value);
    taken.push_back({at_x - 6, at_y - 6, at_x + 6, at_y + 6});
    if (std::isfinite(point.y.low) && std::isfinite(point.y.high))
      taken.push_back({at_x - 3, y.at(point.y.high), at_x + 3, y.at(point.y.low)});
  }
  std::vector<Placed> labels;
  bool direct = true;
  for (const Scatter::Point& point : plot.points) {
    labels.push_back(place(x.at(point.x), y.at(point.y.value), text_width(shortened(point.label, 40)),
                           {x.from + 2, 0, x.to + right_margin, plot_height - 2}, taken));
    taken.push_back(labels.back().box);
    direct &= !labels.back().crowded;
  }

  Markup head;
  const double top = direct ? 34 : legend(head, names, 0, 42, scatter_width) + 8, bottom = top + plot_height;
  y.from = bottom;
  y.to = top;
  Markup svg;
  start(svg, plot.title, bottom + 50, scatter_width);
  svg.trusted(head.str());
  x_grid(svg, x, x_ticks, top, bottom, plot.x_axis, plot.x_label);
  const double y_step = y_ticks.size() > 1 ? y_ticks[1] - y_ticks[0] : 1;
  for (const double tick : y_ticks) {
    line(svg, x.from, y.at(tick), x.to, y.at(tick), "grid");
    text(svg, x.from - 8, y.at(tick) + 4, tick_text(tick, y_step), "tick", "end");
  }
  svg.open("text", {{"class", "axis"},
                    {"text-anchor", "middle"},
                    {"transform", fmt::format("translate(16 {}) rotate(-90)", px((top + bottom) / 2))}});
  svg.text(plot.y_axis).close();

  std::vector<std::pair<double, double>> front;
  for (const Scatter::Point& point : plot.points)
    if (point.front) front.emplace_back(x.at(point.x), y.at(point.y.value));
  std::sort(front.begin(), front.end());
  std::string path;
  for (const auto& [fx, fy] : front) path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", fx, fy);
  if (front.size() > 1) svg.empty("path", {{"d", path}, {"class", "front"}});

  for (std::size_t i = 0; i < plot.points.size(); ++i) {
    const Scatter::Point& point = plot.points[i];
    const double at_x = x.at(point.x), at_y = y.at(point.y.value);
    open_link(svg, point.y);
    if (std::isfinite(point.y.low) && std::isfinite(point.y.high)) {
      const std::string classes = "whisker " + series_class(point.series);
      line(svg, at_x, y.at(point.y.low), at_x, y.at(point.y.high), classes);
      line(svg, at_x - 4, y.at(point.y.low), at_x + 4, y.at(point.y.low), classes);
      line(svg, at_x - 4, y.at(point.y.high), at_x + 4, y.at(point.y.high), classes);
    }
    svg.empty("path", {{"d", shape(point.series, at_x, at_y, 5)}, {"class", "mark " + series_class(point.series)}});
    if (direct) text(svg, labels[i].x, labels[i].y + top, shortened(point.label, 40), "label halo", labels[i].align);
    svg.close().line();
  }
  return svg.close().str();
}

std::string draw(const Spread& plot) {
  constexpr std::size_t longest = 46;
  constexpr double row_height = 28, top = 64;
  std::vector<std::string> names;
  std::vector<double> values = {0}, ticks;
  for (const Spread::Row& row : plot.rows) {
    names.push_back(row.label);
    values.insert(values.end(), {row.median.value, row.median.high, row.p90, row.p99});
  }
  const double bottom = top + row_height * static_cast<double>(plot.rows.size());
  Markup svg;
  start(svg, plot.title, bottom + 44);
  // What the marks mean, drawn with the marks themselves.
  svg.empty("path", {{"d", shape(0, 6, 38, 5)}, {"class", "mark neutral"}});
  text(svg, 17, 42, "median", "label", "start");
  svg.empty("path", {{"d", shape(2, 90, 38, 4)}, {"class", "hollow neutral"}});
  text(svg, 101, 42, "90th percentile", "label", "start");
  line(svg, 232, 32, 232, 44, "whisker neutral");
  text(svg, 243, 42, "99th percentile", "label", "start");

  Axis axis;
  axis.from = label_margin(names, longest);
  axis.to = width - right_margin;
  fit(axis, values, 0, 1e300, 8, ticks);
  x_grid(svg, axis, ticks, top, bottom, plot.axis);
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    const Spread::Row& row = plot.rows[i];
    const double y = top + row_height * (static_cast<double>(i) + 0.5);
    const std::string series = series_class(i);
    text(svg, axis.from - 10, y + 4, shortened(row.label, longest), "label", "end", row.label);
    if (!std::isfinite(row.median.value)) continue;
    open_link(svg, row.median);
    const double last = std::isfinite(row.p99) ? row.p99 : std::isfinite(row.p90) ? row.p90 : row.median.value;
    line(svg, axis.at(row.median.value), y, axis.at(last), y, "whisker " + series);
    if (std::isfinite(row.p99)) line(svg, axis.at(row.p99), y - 6, axis.at(row.p99), y + 6, "whisker " + series);
    if (std::isfinite(row.p90))
      svg.empty("path", {{"d", shape(2, axis.at(row.p90), y, 4)}, {"class", "hollow " + series}});
    svg.empty("path", {{"d", shape(i, axis.at(row.median.value), y, 5)}, {"class", "mark " + series}});
    svg.close().line();
  }
  return svg.close().str();
}

std::string draw(const Stack& plot) {
  constexpr std::size_t longest = 46;
  constexpr double row_height = 28, bar = 16;
  Markup head;
  double x = 0;
  for (std::size_t part = 0; part < plot.parts.size(); ++part) {
    head.empty("rect",
               {{"x", px(x)}, {"y", "32"}, {"width", "12"}, {"height", "12"}, {"class", "bar " + series_class(part)}});
    text(head, x + 17, 42, plot.parts[part], "label", "start");
    x += 17 + text_width(plot.parts[part]) + 22;
  }
  constexpr double top = 64;
  const double bottom = top + row_height * static_cast<double>(plot.rows.size());
  std::vector<std::string> names;
  std::vector<double> totals = {0}, ticks;
  double total_width = 0;
  for (const Stack::Row& row : plot.rows) {
    names.push_back(row.label);
    double total = 0;
    for (const double length : row.lengths) total += std::isfinite(length) ? length : 0;
    totals.push_back(total);
    total_width = std::max(total_width, text_width(row.total));
  }
  Markup svg;
  start(svg, plot.title, bottom + 44);
  svg.trusted(head.str());
  Axis axis;
  axis.from = label_margin(names, longest);
  axis.to = width - right_margin - total_width;
  fit(axis, totals, 0, 1e300, 7, ticks, true);
  x_grid(svg, axis, ticks, top, bottom, plot.axis, bytes);
  for (std::size_t i = 0; i < plot.rows.size(); ++i) {
    const Stack::Row& row = plot.rows[i];
    const double y = top + row_height * (static_cast<double>(i) + 0.5);
    text(svg, axis.from - 10, y + 4, shortened(row.label, longest), "label", "end", row.label);
    double sum = 0;
    svg.open("a", {{"href", row.link}});
    for (std::size_t part = 0; part < row.lengths.size(); ++part) {
      if (!(row.lengths[part] > 0)) continue;
      svg.open("rect", {{"x", px(axis.at(sum))},
                        {"y", px(y - bar / 2)},
                        {"width", px(axis.at(sum + row.lengths[part]) - axis.at(sum))},
                        {"height", px(bar)},
                        {"class", "bar " + series_class(part)}});
      svg.element("title", {}, plot.parts[part] + ": " + bytes(row.lengths[part])).close();
      sum += row.lengths[part];
    }
    text(svg, axis.at(sum) + 6, y + 4, row.total, "label halo", "start");
    svg.close().line();
  }
  return svg.close().str();
}

}  // namespace automask::results::plot
