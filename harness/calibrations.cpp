#include "harness/calibrations.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/atomic_file.h"
#include "core/error.h"
#include "hw_targets/cuda/calibrate.h"
#include "hw_targets/cuda/device.h"
#include "hw_targets/package/package.h"
#include "hw_targets/z7020/builtin_boards.h"
#include "hw_targets/z7020/calibrate.h"

namespace automask::harness {
namespace {

using core::Json;

std::string name_of(const CalibrationRequest& request) { return std::filesystem::path(request.package).filename(); }

// Where each number of the profile comes from.
Json sources(const Calibrated& calibrated, const CalibrationRequest& request, const std::string& conditions) {
  Json json = Json::object();
  for (const protocol::CalibratedConstant& constant : calibrated.found.constants)
    json[constant.name] =
        constant.fitted ? fmt::format("fitted to {} measured layers of {}{}, runner {}", calibrated.found.layers.size(),
                                      name_of(request), conditions, request.measured.value("runner", "unknown"))
                        : "as it was before: no measured layer depends on it";
  return json;
}

using Measurements = std::vector<protocol::LayerMeasurement>;

Calibrated calibrate_z7020(const CalibrationRequest& request, const Measurements& measurements) {
  const Json& measured = request.measured;
  if (!measured.contains("clock_mhz") || !measured["clock_mhz"].is_number())
    throw protocol::CalibrationError(request.file + ": has no \"clock_mhz\", the engine's clock");
  const double mhz = measured["clock_mhz"];
  const z7020::Board board = request.start.empty() ? z7020::board_from_json(measured["board_profile"], request.file)
                                                   : z7020::find_board(request.start);
  // As the runner compiled it: tiles are chosen for the profile and clock at hand.
  const z7020::Image image =
      z7020::compile(package::decode(request.bytes, request.package), board.bandwidth(mhz), z7020::Layers::apart);
  const z7020::Calibration found = z7020::calibrate(image, board, mhz, measurements);
  Calibrated calibrated{found, z7020::to_json(found.board), "--board"};
  calibrated.profile["sources"] = sources(calibrated, request, fmt::format(" at {} MHz", measured["clock_mhz"].dump()));
  calibrated.profile["sources"]["bits, megatransfers"] = "of the profile that was calibrated";
  return calibrated;
}

Calibrated calibrate_cuda(const CalibrationRequest& request, const Measurements& measurements) {
  Json start = request.measured["roofline"];
  if (!request.start.empty()) start = Json::parse(core::read_file(request.start), nullptr, false);
  const cuda::Profile before =
      cuda::profile_from_json(start, request.start.empty() ? request.file + ", \"roofline\"" : request.start);
  const package::Package package = package::decode(request.bytes, request.package);
  const cuda::Calibration found = cuda::calibrate(package, before, measurements);
  Calibrated calibrated{found, cuda::to_json(found.profile), "--model"};
  calibrated.profile["sources"] = sources(calibrated, request, std::string(" in ") + to_string(package.format));
  return calibrated;
}

// The package is not the one that was measured, or none that the target executes.
[[noreturn]] void wrong_package(const std::string& what) {
  throw core::Error(core::ExitCode::usage, "runners calibrate", what, "give the package that was measured");
}

}  // namespace

Json calibration_facts(const Json& details, const Json& prepared) {
  if (details.contains("board_profile"))
    return {{"board_profile", details.at("board_profile")}, {"clock_mhz", prepared.at("clock_mhz")}};
  if (details.contains("roofline")) return {{"roofline", details.at("roofline")}};
  return Json::object();
}

Calibrated calibrate(const CalibrationRequest& request) {
  try {
    const Measurements measurements = protocol::measurements_from_json(request.measured, request.file);
    if (request.measured.contains("roofline")) return calibrate_cuda(request, measurements);
    if (request.measured.contains("board_profile") || !request.start.empty())
      return calibrate_z7020(request, measurements);
    throw protocol::CalibrationError(
        request.file +
        ": has neither \"board_profile\" nor \"roofline\"; name with --board the profile it was measured under");
  } catch (const protocol::CalibrationError& e) {
    throw core::Error(core::ExitCode::usage, "runners calibrate", e.what(), "nothing was written");
  } catch (const z7020::BoardError& e) {
    throw core::Error(core::ExitCode::usage, "runners calibrate", e.what(),
                      "give the profile that the runner was started with");
  } catch (const z7020::CompileError& e) {
    wrong_package(e.what());
  } catch (const cuda::DeviceError& e) {
    wrong_package(e.what());
  } catch (const package::PackageError& e) {
    wrong_package(e.what());
  } catch (const graph::GraphError& e) {
    wrong_package(e.what());
  } catch (const std::invalid_argument& e) {
    wrong_package(e.what());
  }
}

}  // namespace automask::harness
