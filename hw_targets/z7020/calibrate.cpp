#include "hw_targets/z7020/calibrate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/model.h"

namespace automask {
namespace z7020 {
namespace {

using protocol::CalibrationError;
using protocol::LayerMeasurement;
using Vector = std::vector<double>;

struct Constant {
  const char* name;
  double Board::*value;
  double least;  // its logarithm must exist
};
const Constant constants[] = {{"/ddr/effective_bytes_per_second", &Board::effective_bytes_per_second, 1e6},
                              {"/ddr/burst_overhead_bytes", &Board::burst_overhead_bytes, 0.1},
                              {"/ddr/latency_ns", &Board::latency_ns, 1},
                              {"/arm/ns_per_operation", &Board::arm_ns_per_operation, 0.01},
                              {"/arm/us_per_stream", &Board::arm_us_per_stream, 0.01}};

void set(Board& board, const Constant& constant, double value) {
  if (constant.value == &Board::effective_bytes_per_second) value = std::min(value, board.peak_bytes_per_second());
  board.*constant.value = std::max(value, constant.least);
}

// Where a measurement stands in the model.
struct Place {
  int condition;
  std::size_t layer;
};

class Fit {
 public:
  Fit(const Image& image, double mhz, const std::vector<LayerMeasurement>& measurements)
      : image_(image), mhz_(mhz), measurements_(measurements) {
    for (const LayerMeasurement& m : measurements) places_.push_back(find(m));
  }

  Vector modelled(const Board& board) const {
    std::map<int, Modelled> models;
    for (const auto& work : works_) models[work.first] = model(image_, work.first, work.second, board, mhz_);
    Vector ms;
    for (const Place& place : places_) ms.push_back(models.at(place.condition).layers[place.layer].ms);
    return ms;
  }

  Vector errors(const Board& board) const {
    Vector list = modelled(board);
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = list[i] / measurements_[i].ms - 1;
    return list;
  }

  // How much the relative error of each measurement changes with the logarithm of the constant.
  Vector slope(const Board& board, const Constant& constant) const {
    const double step = 1e-3;
    Board up = board, down = board;
    set(up, constant, board.*constant.value * std::exp(step));
    set(down, constant, board.*constant.value * std::exp(-step));
    const double distance = std::log(up.*constant.value) - std::log(down.*constant.value);
    Vector high = errors(up);
    const Vector low = errors(down);
    for (std::size_t i = 0; i < high.size(); ++i) high[i] = distance > 0 ? (high[i] - low[i]) / distance : 0;
    return high;
  }

 private:
  Place find(const LayerMeasurement& m) {
    for (std::size_t k = 0; k < image_.programs.size(); ++k) {
      if (image_.programs[k].condition != m.condition) continue;
      const std::vector<Layer>& layers = image_.programs[k].lowered.layers;
      for (std::size_t l = 0; l < layers.size(); ++l) {
        if (layers[l].name != m.layer) continue;
        const int condition = static_cast<int>(k);
        if (works_.count(condition) == 0) works_[condition] = stream_work(image_, condition);
        return {condition, l};
      }
      throw protocol::unknown_layer(m);
    }
    throw protocol::unknown_condition(m);
  }

  const Image& image_;
  double mhz_;
  const std::vector<LayerMeasurement>& measurements_;
  std::vector<Place> places_;
  std::map<int, StreamWork> works_;
};

double square(const Vector& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return sum;
}

// Gauss's elimination with pivots; the matrix is positive definite.
Vector solve(std::vector<Vector> a, Vector b) {
  const std::size_t n = b.size();
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < n; ++r)
      if (std::fabs(a[r][c]) > std::fabs(a[pivot][c])) pivot = r;
    std::swap(a[c], a[pivot]);
    std::swap(b[c], b[pivot]);
    for (std::size_t r = c + 1; r < n; ++r) {
      const double factor = a[r][c] / a[c][c];
      for (std::size_t k = c; k < n; ++k) a[r][k] -= factor * a[c][k];
      b[r] -= factor * b[c];
    }
  }
  for (std::size_t c = n; c-- > 0;) {
    for (std::size_t k = c + 1; k < n; ++k) b[c] -= a[c][k] * b[k];
    b[c] /= a[c][c];
  }
  return b;
}

// One step of Levenberg and Marquardt from `board`; whether it was any better.
bool improve(const Fit& fit, const std::vector<Constant>& fitted, double& damping, Board& board) {
  const Vector errors = fit.errors(board);
  std::vector<Vector> slopes;
  for (const Constant& c : fitted) slopes.push_back(fit.slope(board, c));
  std::vector<Vector> normal(fitted.size(), Vector(fitted.size()));
  Vector right(fitted.size());
  for (std::size_t r = 0; r < fitted.size(); ++r)
    for (std::size_t i = 0; i < errors.size(); ++i) {
      right[r] -= slopes[r][i] * errors[i];
      for (std::size_t c = 0; c < fitted.size(); ++c) normal[r][c] += slopes[r][i] * slopes[c][i];
    }
  for (; damping < 1e6; damping *= 4) {
    std::vector<Vector> damped = normal;
    for (std::size_t d = 0; d < fitted.size(); ++d) damped[d][d] += damping * normal[d][d] + 1e-12;
    const Vector change = solve(damped, right);
    Board next = board;
    for (std::size_t d = 0; d < fitted.size(); ++d)
      set(next, fitted[d], board.*fitted[d].value * std::exp(std::min(std::max(change[d], -1.0), 1.0)));
    const double now = square(errors), then = square(fit.errors(next));
    if (!(then < now)) continue;
    board = next;
    damping = std::max(damping / 8, 1e-9);
    return now - then > 1e-12 * now + 1e-16;
  }
  return false;
}

}  // namespace

Calibration calibrate(const Image& image, const Board& board, double mhz,
                      const std::vector<LayerMeasurement>& measurements) {
  const Fit fit(image, mhz, measurements);
  Calibration result;
  result.board = board;
  for (const Constant& c : constants) set(result.board, c, board.*c.value);
  std::vector<Constant> fitted;
  for (const Constant& c : constants) {
    // A tenth more of it must change some layer's time by more than a thousandth.
    const Vector slope = fit.slope(result.board, c);
    double largest = 0;
    for (const double s : slope) largest = std::max(largest, std::fabs(s));
    const bool matters = largest > 0.01;
    if (matters) fitted.push_back(c);
    result.constants.push_back({c.name, board.*c.value, board.*c.value, matters});
  }
  protocol::require_enough(measurements.size(), fitted.size());
  const auto deviation = [&](const Board& of) {
    return std::sqrt(square(fit.errors(of)) / static_cast<double>(measurements.size()));
  };
  const Vector before = fit.modelled(board);
  result.error_before = deviation(board);
  double damping = 1e-3;
  for (int step = 0; step < 200 && improve(fit, fitted, damping, result.board); ++step) {
  }
  result.error_after = deviation(result.board);
  for (protocol::CalibratedConstant& constant : result.constants)
    for (const Constant& c : constants) {
      if (constant.name != c.name) continue;
      if (!constant.fitted) result.board.*c.value = constant.before;
      constant.after = result.board.*c.value;
    }
  const Vector after = fit.modelled(result.board);
  for (std::size_t i = 0; i < measurements.size(); ++i) result.layers.push_back({measurements[i], before[i], after[i]});
  return result;
}

}  // namespace z7020
}  // namespace automask
