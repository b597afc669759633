// models: the zoo, and networks and weights from one kind of file to another
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "harness/commands/commands.h"
#include "harness/environment.h"
#include "harness/tool.h"
#include "models/preprocessing.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using results::Format;
using results::Table;

struct ModelsOptions {
  std::string name, from, to;
  std::string model, input, condition;
  std::optional<int> classes;
  bool layers = false, fold = false;
};

Json numbers(const graph::Shape& shape) { return {shape.channels, shape.height, shape.width}; }
std::string sizes(const graph::Shape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}
bool for_people(Format format) { return format == Format::table || format == Format::md; }
// 11,689,512 for people, 11689512 for programs.
Json count(std::int64_t value, Format format) {
  if (!for_people(format)) return value;
  std::string text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

graph::Shape parse_input(const std::string& text) {
  graph::Shape shape;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%dx%d%c", &shape.channels, &shape.height, &shape.width, &rest) != 3 ||
      shape.channels < 1 || shape.height < 1 || shape.width < 1)
    throw Error(ExitCode::usage, "--input " + text, "is not of the form CxHxW", "give, e.g., 3x224x224");
  return shape;
}

// What automask-models says of a file, after writing it to `options.to` where that is given.
Json read_file_elsewhere(const ModelsOptions& options, const std::string& from, const std::string& label) {
  if (options.model.empty() && (!options.input.empty() || options.classes))
    throw Error(ExitCode::usage, options.input.empty() ? "--classes" : "--input", "belongs to a network of the zoo",
                "name it with --model");
  const Json request = {{"from", from},
                        {"to", options.to},
                        {"model", options.model},
                        {"condition", options.condition},
                        {"classes", options.classes ? Json(*options.classes) : Json()},
                        {"input", options.input.empty() ? Json() : numbers(parse_input(options.input))},
                        {"fold", options.fold}};
  return run_tool(program_folder() / "automask-models", request, label, ProgressKind::none);
}

int list_command(const Commands& commands) {
  const Format format = commands.table_format();
  Table table{{"name", "parameters", "macs", "input", "summary"}, {}};
  for (const models::ZooEntry& entry : models::zoo()) {
    const graph::Shape input = entry.preprocessing.input;
    const graph::Cost cost = graph::cost(models::build_published(entry, input, entry.classes));
    table.rows.push_back(
        {entry.name, count(cost.parameters, format), count(cost.macs, format), sizes(input), entry.summary});
  }
  results::print(std::cout, table, format);
  return 0;
}

// What `info` is about: an entry of the zoo, or a file.
struct Subject {
  graph::Graph graph;  // without nodes where a file holds only weights
  std::string summary;
  Json preprocessing;  // null where nothing is known
  Json tensors = Json::array();
  std::int64_t values = 0;
};

Subject of_zoo(const models::ZooEntry& entry, const ModelsOptions& options) {
  models::Preprocessing preprocessing = entry.preprocessing;
  if (!options.input.empty()) preprocessing = models::with_input(preprocessing, parse_input(options.input));
  Subject subject;
  subject.summary = entry.summary;
  subject.preprocessing = to_json(preprocessing);
  try {
    subject.graph = models::build_published(entry, preprocessing.input, options.classes.value_or(entry.classes));
    graph::infer_shapes(subject.graph);
  } catch (const graph::GraphError& error) {
    throw Error(ExitCode::usage, options.name, error.what(), "choose another --input or --classes");
  }
  return subject;
}

Subject find_subject(const ModelsOptions& options) {
  if (const models::ZooEntry* entry = models::find_in_zoo(options.name); entry != nullptr)
    return of_zoo(*entry, options);
  if (!std::filesystem::exists(options.name)) {
    std::vector<std::string> names;
    for (const models::ZooEntry& entry : models::zoo()) names.push_back(entry.name);
    throw Error(ExitCode::usage, options.name, "is no network of the zoo and no file",
                core::suggestion(options.name, names));
  }
  const Json read = read_file_elsewhere(options, options.name, "models info " + options.name);
  Subject subject;
  if (!read.at("graph").is_null()) subject.graph = graph::graph_from_json(read.at("graph"));
  subject.summary = "from " + options.name;
  subject.preprocessing = read.at("preprocessing");
  subject.tensors = read.at("tensors");
  subject.values = read.at("values");
  return subject;
}

Json layers_of(const graph::Graph& graph) {
  const auto shapes = graph::infer_shapes(graph);
  const auto costs = graph::node_costs(graph);
  const auto groups = graph::channel_groups(graph);
  Json rows = Json::array();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    Json inputs = Json::array(), names = Json::array();
    for (const int input : node.inputs) inputs.push_back(graph.nodes[static_cast<std::size_t>(input)].name);
    for (const graph::Segment& segment : groups.of_node[i])
      names.push_back(groups.groups[static_cast<std::size_t>(segment.group)].name);
    rows.push_back({{"layer", node.name},
                    {"op", to_string(node.op)},
                    {"inputs", inputs},
                    {"output", numbers(shapes[i])},
                    {"parameters", costs[i].parameters},
                    {"macs", costs[i].macs},
                    {"groups", names}});
  }
  return rows;
}

Json groups_of(const graph::Graph& graph) {
  Json rows = Json::array();
  for (const graph::ChannelGroup& group : graph::channel_groups(graph).groups) {
    Json producers = Json::array();
    for (const int node : group.producers) producers.push_back(graph.nodes[static_cast<std::size_t>(node)].name);
    rows.push_back(
        {{"group", group.name}, {"channels", group.channels}, {"maskable", group.maskable}, {"producers", producers}});
  }
  return rows;
}

// A value of the documents above as one cell of a table.
Json cell(const Json& value, Format format) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_integer()) return count(value, format);
  if (!value.is_array()) return value;
  std::string text;
  for (const Json& item : value)
    text += item.is_string() ? (text.empty() ? "" : ", ") + item.get<std::string>()
                             : (text.empty() ? "" : "x") + item.dump();
  return text;
}

void print_rows(const Json& rows, const std::vector<std::string>& columns, Format format) {
  Table table{columns, {}};
  for (const Json& row : rows) {
    auto& cells = table.rows.emplace_back();
    for (const std::string& column : columns) cells.push_back(cell(row.at(column), format));
  }
  std::cout << "\n";
  results::print(std::cout, table, format);
}

std::string preprocessing_text(const Json& preprocessing) {
  if (preprocessing.is_null()) return "unknown";
  const int resize = preprocessing.value("resize", 0);
  const Json crop = preprocessing.value("crop", Json::array({0, 0}));
  return fmt::format(
      "short side to {}, {}; centre {}x{}; (x / 255 - {}) / {}", resize == 0 ? "the input's" : std::to_string(resize),
      preprocessing.value("interpolation", std::string("bilinear")), crop.at(0).dump(), crop.at(1).dump(),
      preprocessing.value("mean", Json()).dump(), preprocessing.value("deviation", Json()).dump());
}

int info_command(const Commands& commands, const ModelsOptions& options) {
  const Format format = commands.table_format();
  const Subject subject = find_subject(options);
  const graph::Graph& graph = subject.graph;
  Json document = {{"schema_version", 1}, {"name", options.name}, {"summary", subject.summary}};
  const bool network = !graph.nodes.empty();
  if (network) {
    const graph::Cost cost = graph::cost(graph);
    document.update({{"input", numbers(graph.input)},
                     {"classes", graph::infer_shapes(graph).back().channels},
                     {"parameters", cost.parameters},
                     {"macs", cost.macs},
                     {"peak_activation_values", graph::peak_activation_values(graph)},
                     {"preprocessing", subject.preprocessing},
                     {"groups", groups_of(graph)}});
    if (options.layers) document["layers"] = layers_of(graph);
  } else {
    document.update({{"tensors", subject.tensors.size()}, {"values", subject.values}});
    if (options.layers) document["layers"] = subject.tensors;
  }
  if (format == Format::json) {
    print_document(document);
    return 0;
  }
  Table table{{"property", "value"}, {{"name", options.name}, {"summary", subject.summary}}};
  const auto row = [&](const char* name, Json value) { table.rows.push_back({name, std::move(value)}); };
  if (network) {
    row("input", sizes(graph.input));
    row("classes", document["classes"]);
    row("parameters", count(document["parameters"], format));
    row("macs", count(document["macs"], format));
    row("peak activation", count(document["peak_activation_values"], format));
    row("preprocessing", preprocessing_text(subject.preprocessing));
  } else {
    row("tensors", document["tensors"]);
    row("values", count(subject.values, format));
    row("network", "none in this file; --model names one");
  }
  results::print(std::cout, table, format);
  if (options.layers && network)
    print_rows(document["layers"], {"layer", "op", "inputs", "output", "parameters", "macs", "groups"}, format);
  if (options.layers && !network) print_rows(document["layers"], {"tensor", "shape"}, format);
  if (network) print_rows(document["groups"], {"group", "channels", "maskable", "producers"}, format);
  return 0;
}

int convert_command(const Commands& commands, const ModelsOptions& options) {
  const Format format = commands.table_format();
  const Json read = read_file_elsewhere(options, options.from, "models convert " + options.from);
  const Json network = read.at("graph").is_null() ? Json() : read.at("graph").at("name");
  const std::size_t tensors = read.at("tensors").size();
  if (format == Format::json) {
    const Json document = {{"schema_version", 1},      {"input", options.from}, {"output", options.to},
                           {"network", network},       {"tensors", tensors},    {"values", read.at("values")},
                           {"bytes", read.at("bytes")}};
    print_document(document);
    return 0;
  }
  Table table{{"output", "network", "tensors", "values", "bytes"}, {}};
  table.rows.push_back(
      {options.to, network, tensors, count(read.at("values"), format), count(read.at("bytes"), format)});
  results::print(std::cout, table, format);
  return 0;
}

}  // namespace

void add_models(CLI::App& app, Commands& commands) {
  auto* group = app.add_subcommand("models", "networks of the zoo, and weights and networks from file to file");
  group->require_subcommand(0, 1);
  auto options = std::make_shared<ModelsOptions>();
  const auto text = [](CLI::App* command, const char* name, std::string& value, const char* type, const char* help) {
    return command->add_option(name, value, help)->type_name(type);
  };
  const auto network_options = [&](CLI::App* command) {
    text(command, "--input", options->input, "CxHxW", "of a network of the zoo; default: as published");
    command->add_option("--classes", options->classes, "of a network of the zoo; default: as in the file, or 1000")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
  };
  const auto act = [&commands, options](CLI::App* command, int (*work)(const Commands&, const ModelsOptions&)) {
    command->callback([&commands, options, work] {
      commands.action = [&commands, options, work] { return work(commands, *options); };
    });
  };

  auto* list = group->add_subcommand("list", "every network of the zoo: parameters, MACs, input size");
  list->footer("Examples:\n  automask models list\n  automask models list --format json");
  act(list, [](const Commands& c, const ModelsOptions&) { return list_command(c); });

  auto* info = group->add_subcommand("info", "one network: costs, preprocessing, channel groups, layers");
  text(info, "name", options->name, "NAME|FILE", "of the zoo; or an ONNX file, a checkpoint, weights")->required();
  info->add_flag("--layers", options->layers, "every layer with its output, parameters and MACs");
  network_options(info);
  text(info, "--model", options->model, "NAME", "the network of a file that holds only weights");
  text(info, "--condition", options->condition, "CHAIN", "of a checkpoint for several conditions");
  info->footer(
      "Channels of a group are masked together; a channel group that is not maskable is the input or the output.\n\n"
      "Examples:\n  automask models info resnet18 --layers\n  automask models info mobilenet_v2 --input 3x160x160\n"
      "  automask models info network.onnx --format json\n  automask models info resnet50.pth --layers");
  act(info, info_command);

  auto* convert = group->add_subcommand("convert", "weights or a network into a .safetensors or .onnx file");
  text(convert, "in", options->from, "IN",
       ".pth of torch.save (zip or older), .safetensors or its index, .onnx, or a checkpoint")
      ->required();
  text(convert, "out", options->to, "OUT", "ends in .safetensors or .onnx")->required();
  text(convert, "--model", options->model, "NAME", "the network of the zoo that IN's weights belong to");
  network_options(convert);
  text(convert, "--condition", options->condition, "CHAIN",
       "of a checkpoint for several conditions; it is shrunk by its mask");
  convert->add_flag("--fold", options->fold, "batch normalisation into the weights before it");
  convert->footer(
      "Nothing in a .pth file is executed. Names of weights stay as they are; all numbers become FP32. ONNX files "
      "have\n"
      "operator set 13 and a free batch size. A .safetensors file keeps the network, if IN or --model gave one.\n\n"
      "Examples:\n  automask models convert resnet18-f37072fd.pth resnet18.safetensors --model resnet18\n"
      "  automask models convert resnet18.safetensors resnet18.onnx\n"
      "  automask models convert checkpoint.safetensors small.onnx --condition jpeg:q20 --fold\n"
      "  automask models convert network.onnx network.safetensors\n\n"
      "Exit codes: 0 ok, 2 usage, or weights that do not fit, 4 OUT cannot be written, 8 IN is damaged or not "
      "understood.");
  act(convert, convert_command);
  group->footer("Example:\n  automask models list");
  help_alone(*group, commands);
}

}  // namespace automask::harness
