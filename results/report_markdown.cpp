#include <fmt/format.h>

#include <cmath>

#include "results/markup.h"
#include "results/query.h"
#include "results/report_html.h"
#include "results/report_text.h"

namespace automask::results {
namespace {

using Row = std::vector<std::string>;

void write_table(std::string& out, const Row& heads, const std::vector<Row>& rows, const char* rule = " ---: |") {
  out += '|';
  for (const std::string& head : heads) out += " " + head + " |";
  out += "\n|";
  for (std::size_t i = 0; i < heads.size(); ++i) out += i == 0 ? " --- |" : rule;
  out += '\n';
  for (const Row& row : rows) {
    out += '|';
    for (const std::string& cell : row) out += " " + cell + " |";
    out += '\n';
  }
  out += '\n';
}

// Bold where best; with interval and the evidence's letter.
std::string cell(const Number& number, std::string (*format)(double), std::string (*bound)(double), bool best) {
  if (!number.known) return "–";
  std::string text = best ? "**" + format(number.value) + "**" : format(number.value);
  const std::string interval = interval_text(number, bound);
  if (!interval.empty()) text += " " + interval;
  return text + " " + evidence_letters(number);
}

struct Column {
  std::string head, metric, condition;
  bool mean, higher, ranked;
  std::string (*format)(double);
  std::string (*bound)(double);
};

void write_columns(std::string& out, const Section& section, const std::vector<Column>& columns) {
  Row heads = {"method"};
  std::vector<Row> rows(section.methods.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(markdown_text(section.methods[i].label));
  for (const Column& column : columns) {
    heads.push_back(markdown_text(column.head));
    std::vector<Number> numbers;
    for (const MethodRow& method : section.methods)
      numbers.push_back(column.mean ? method.mean(column.metric) : method.metric(column.metric, column.condition));
    const std::vector<bool> best = best_rows(numbers, column.higher);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i].push_back(cell(numbers[i], column.format, column.bound, column.ranked && best[i]));
  }
  write_table(out, heads, rows);
}

void write_section(std::string& out, const Section& section) {
  out += "## " + markdown_text(section_title(section)) + "\n\n";
  if (const auto conditions = conditions_of(section, "top1"); !conditions.empty()) {
    out += "### Top-1 accuracy by condition, % (" + seeds_text(section) + ")\n\n";
    if (const std::string who = condition_note(section); !who.empty()) out += markdown_text(who) + "\n\n";
    std::vector<Column> columns = {{"mean", "top1", "", true, true, true, percent, percent1}};
    for (const std::string& condition : conditions)
      columns.push_back(
          {condition.empty() ? "all" : condition, "top1", condition, false, true, true, percent, percent1});
    write_columns(out, section, columns);
    out += std::string(interval_note) + "\n\n";
  }
  if (const auto predicted = predicted_columns(section); !predicted.empty()) {
    out += "### Who knows the condition: top-1 accuracy, %, and latency\n\n";
    std::vector<Column> columns;
    for (const PredictedColumn& of : predicted) {
      const auto format = of.milliseconds ? milliseconds : percent;
      columns.push_back({of.head, of.metric, of.condition, of.mean, !of.milliseconds, of.metric != "estimator_accuracy",
                         format, of.milliseconds ? milliseconds : percent1});
    }
    write_columns(out, section, columns);
    out += std::string(predicted_note) + "\n\n";
  }
  const auto write_apart = [&](const char* title, const std::vector<PredictedColumn>& heads, const char* note) {
    if (heads.empty()) return;
    out += std::string("### ") + title + "\n\n";
    std::vector<Column> columns;
    for (const PredictedColumn& of : heads)
      columns.push_back({of.head, of.metric, of.condition, of.mean, !of.milliseconds, true,
                         of.milliseconds ? milliseconds : percent, of.milliseconds ? milliseconds : percent1});
    write_columns(out, section, columns);
    out += std::string(note) + "\n\n";
  };
  write_apart("Conditions never trained on: top-1 accuracy, %", held_out_columns(section), held_out_note);
  write_apart("Mixes of conditions: top-1 accuracy, %, and latency", mix_columns(section), mix_note);
  if (!conditions_of(section, "latency_median").empty()) {
    out += "### Latency, ms, mean over conditions\n\n";
    std::vector<Column> columns;
    for (const auto& [metric, head] : {std::pair("latency_median", "median"), std::pair("latency_p90", "p90"),
                                       std::pair("latency_p99", "p99"), std::pair("latency_mean", "mean")})
      columns.push_back({head, metric, "", true, false, true, milliseconds, milliseconds});
    write_columns(out, section, columns);
    out += std::string(latency_note) + "\n\n";
  }
  if (!conditions_of(section, "package_bytes").empty()) {
    out += "### Stored bytes and computation\n\n";
    std::vector<Column> columns = {{"file", "package_bytes", "", false, false, true, bytes, bytes}};
    for (const StoragePart& part : storage_parts())
      columns.push_back({part.label, part.metric, "", false, false, false, bytes, bytes});
    columns.push_back({"dense FP32", "dense_bytes", "", false, false, false, bytes, bytes});
    columns.push_back({"MACs", "macs", "", true, false, true, si, si});
    write_columns(out, section, columns);
    out += std::string(storage_note) + "\n\n";
  }
}

}  // namespace

std::string markdown_page(const ReportData& data) {
  std::string out = "# AutoMask report: " + markdown_text(data.experiment) + "\n\n";
  out += "Runs: " + states_text(data.runs) + ".\n\n" + reading_note + "\n\n";
  if (data.runs.empty())
    out += "No run of this experiment is recorded yet.\n\n";
  else if (data.sections.empty())
    out += "No run of this experiment has passed: there is nothing to compare.\n\n";
  for (const Section& section : data.sections) write_section(out, section);

  if (!data.runs.empty()) {
    out += "## Runs\n\n";
    std::vector<Row> rows;
    for (const RunRow& run : data.runs)
      rows.push_back({fmt::format("`{}`", markdown_text(short_key(run.key))), markdown_text(run.dataset),
                      markdown_text(run.model), markdown_text(run.method), markdown_text(run.target),
                      std::to_string(run.seed), run.state, markdown_text(run.reason)});
    write_table(out, {"run", "data set", "model", "method", "target", "seed", "state", "reason"}, rows, " --- |");
    out += "Letters beside numbers are their evidence: ";
    for (const Evidence& evidence : evidence_legend())
      out += fmt::format("{}{} {} ({})", evidence.letter == evidence_legend().front().letter ? "" : ", ",
                         evidence.letter, evidence.name, evidence.meaning);
    out += ".\n";
  }
  return out;
}

}  // namespace automask::results
