#include "hw_targets/z7020/compile.h"

#include <utility>

#include "hw_targets/z7020/emit.h"
#include "hw_targets/z7020/memory_map.h"
#include "hw_targets/z7020/weight_store.h"

namespace automask {
namespace z7020 {
namespace {

// A condition before addresses after its tables are known.
struct Draft {
  std::string name;
  std::shared_ptr<const package::IntegerNetwork> network;
  Kept kept;
  Lowered lowered;
  MemoryMap map;
};

std::uint32_t words_of(std::int64_t bytes) { return static_cast<std::uint32_t>((bytes + 3) / 4); }

void append(Image& image, const std::vector<Step>& steps) {
  const auto put_all = [&](const std::vector<Instruction>& list) {
    for (const Instruction& i : list) image.words.insert(image.words.end(), i.begin(), i.end());
  };
  for (const Step& step : steps) {
    put_all(step.loads);
    put_all(step.computes);
    put_all(step.stores);
    put_all({instruction(Opcode::step)});
  }
  put_all({instruction(Opcode::end)});
}

Image assemble(const WeightStore& store, std::vector<Draft> drafts, const Bandwidth& bandwidth, Layers layers) {
  Image image;
  image.words = store.words;
  image.weight_words = static_cast<std::uint32_t>(store.words.size());
  const std::uint32_t table = static_cast<std::uint32_t>(image.words.size());
  const std::vector<std::int8_t>& values = drafts[0].network->input_table;
  image.words.resize(image.words.size() + words_of(static_cast<std::int64_t>(values.size())), 0);
  for (std::size_t v = 0; v < values.size(); ++v)
    image.words[table + v / 4] |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(values[v])) << (8 * (v % 4));
  // What is written while it runs stands first, so that its addresses are known before lists and commands are.
  const graph::Shape& input = drafts[0].network->graph.input;
  image.picture = static_cast<std::uint32_t>(image.words.size());
  const std::uint32_t arena = image.picture + words_of(std::int64_t(input.channels) * input.height * input.width);
  std::uint32_t arena_words = 0;
  for (const Draft& draft : drafts) arena_words = std::max(arena_words, draft.map.words);
  if (std::uint64_t(arena) + arena_words > most_memory_words)
    throw CompileError(drafts[0].network->graph.name, "weights and activations need more than the board's memory");
  image.arena = arena;
  image.arena_words = arena_words;
  image.words.resize(arena + arena_words, 0);
  for (Draft& draft : drafts) {
    const std::uint32_t tables = static_cast<std::uint32_t>(image.words.size());
    const Code code = emit(*draft.network, draft.lowered,
                           {store, draft.kept, draft.map, table, image.picture, arena, tables}, bandwidth, layers);
    image.words.insert(image.words.end(), code.tables.begin(), code.tables.end());
    Program program;
    program.condition = std::move(draft.name);
    for (const Code::Part& part : code.parts) {
      Segment segment;
      segment.layer = part.layer;
      if (!part.steps.empty()) {
        segment.commands = static_cast<std::uint32_t>(image.words.size());
        append(image, part.steps);
        segment.count = (static_cast<std::uint32_t>(image.words.size()) - segment.commands) / instruction_words;
      }
      for (const Step& step : part.steps) program.layer_of_step.push_back(step.layer);
      program.segments.push_back(segment);
    }
    program.table_words = static_cast<std::uint32_t>(code.tables.size());
    program.command_words = static_cast<std::uint32_t>(image.words.size()) - tables - program.table_words;
    for (const std::uint32_t address : draft.map.address) program.map_address.push_back(arena + address);
    program.scale = draft.network->integers.scale.at(package::output_node(draft.network->graph));
    program.network = std::move(draft.network);
    program.lowered = std::move(draft.lowered);
    image.programs.push_back(std::move(program));
  }
  image.memory_words = static_cast<std::uint32_t>(image.words.size());
  if (image.memory_words > most_memory_words)
    throw CompileError(image.programs[0].network->graph.name, "commands and lists need more than the board's memory");
  return image;
}

Draft draft_of(std::string name, package::IntegerNetwork network, Kept kept) {
  Draft draft;
  draft.name = std::move(name);
  draft.lowered = lower(network);
  draft.map = map_memory(draft.lowered);
  draft.kept = std::move(kept);
  draft.network = std::make_shared<const package::IntegerNetwork>(std::move(network));
  return draft;
}

}  // namespace

Image compile(const package::Package& package, const Bandwidth& bandwidth, Layers layers) {
  if (package.format != package::Format::int8)
    throw std::invalid_argument(std::string("the engine computes in INT8, the package is for ") +
                                package::to_string(package.format));
  std::vector<Draft> drafts;
  for (int k = 0; k < static_cast<int>(package.conditions.size()); ++k)
    drafts.push_back(draft_of(package.conditions[static_cast<std::size_t>(k)].name,
                              package::materialise_integers(package, k), kept_channels(package, k)));
  return assemble(store_weights(package), std::move(drafts), bandwidth, layers);
}

Image compile(const package::IntegerNetwork& network, const Bandwidth& bandwidth, Layers layers) {
  std::vector<Draft> drafts;
  drafts.push_back(draft_of("*", network, all_channels(network)));
  return assemble(store_weights(network), std::move(drafts), bandwidth, layers);
}

}  // namespace z7020
}  // namespace automask
