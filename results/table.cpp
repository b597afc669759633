// Tables as text: for a terminal, for programs, for spreadsheets, for GitHub.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "results/json_rows.h"
#include "results/markup.h"
#include "results/query.h"

namespace automask::results {
namespace {

using core::Json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Value value_of(const Json& json) {
  if (json.is_string()) return std::string_view(json.get_ref<const std::string&>());
  if (json.is_number_float()) return json.get<double>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  return {};
}

// Decimals for people: about four significant digits of the column's largest value, so that a column lines up.
int decimals_of(const Table& table, std::size_t column) {
  double largest = 0;
  for (const std::vector<Json>& row : table.rows)
    if (row[column].is_number_float() && std::isfinite(row[column].get<double>()))
      largest = std::max(largest, std::abs(row[column].get<double>()));
  if (largest >= 10'000) return 0;
  if (largest >= 1'000) return 1;
  if (largest >= 10 || largest == 0) return 2;
  if (largest >= 1) return 3;
  return std::min(12, 3 - static_cast<int>(std::floor(std::log10(largest))));
}

std::string text_of(const Json& value, int decimals) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.{}f}", value.get<double>(), decimals);
  return dump(value);
}

// Escape sequences and line breaks in names must not reach the terminal.
std::string printable(const std::string& text) {
  std::string clean;
  for (const char c : valid_utf8(text)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      clean += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      clean += c;
  }
  return clean;
}

// Columns on screen: code points, which is right for the scripts used here.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// All cells as text and whether a column holds numbers only.
struct Cells {
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> numeric;
};

Cells cells_of(const Table& table) {
  Cells cells;
  cells.rows.resize(table.rows.size());
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    const int decimals = decimals_of(table, column);
    bool text = false, number = false;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      const Json& value = table.rows[row][column];
      text |= value.is_string();
      number |= value.is_number();
      cells.rows[row].push_back(text_of(value, decimals));
    }
    cells.numeric.push_back(number && !text);
  }
  return cells;
}

void print_table(std::ostream& out, const Table& table) {
  Cells cells = cells_of(table);
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    widths.push_back(width_of(printable(table.columns[column])));
    for (std::vector<std::string>& row : cells.rows) {
      row[column] = printable(row[column]);
      widths[column] = std::max(widths[column], width_of(row[column]));
    }
  }
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t column = 0; column < row.size(); ++column) {
      const std::string blanks(widths[column] - width_of(row[column]), ' ');
      if (column != 0) text += "  ";
      text += cells.numeric[column] ? blanks + row[column] : row[column] + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  };
  std::vector<std::string> heads, rules;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    heads.push_back(printable(table.columns[column]));
    rules.emplace_back(widths[column], '-');
  }
  line(heads);
  line(rules);
  for (const std::vector<std::string>& row : cells.rows) line(row);
  if (cells.rows.empty()) out << "(no rows)\n";
}

void print_json(std::ostream& out, const Table& table) {
  JsonRows rows(out, table.columns);
  std::vector<Value> values;
  for (const std::vector<Json>& row : table.rows) {
    values.clear();
    for (const Json& value : row) values.push_back(value_of(value));
    rows.write(values);
  }
  rows.finish();
}

void print_csv(std::ostream& out, const Table& table) {
  const auto field = [](const std::string& text) {
    if (text.find_first_of("\",\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
  };
  for (std::size_t column = 0; column < table.columns.size(); ++column)
    out << (column == 0 ? "" : ",") << field(table.columns[column]);
  out << "\r\n";
  for (const std::vector<Json>& row : table.rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      const Json& value = row[column];
      out << (column == 0 ? "" : ",");
      if (!value.is_null()) out << field(value.is_string() ? value.get<std::string>() : dump(value));
    }
    out << "\r\n";
  }
}

void print_markdown(std::ostream& out, const Table& table) {
  const Cells cells = cells_of(table);
  out << '|';
  for (const std::string& column : table.columns) out << ' ' << markdown_text(column) << " |";
  out << "\n|";
  for (std::size_t column = 0; column < table.columns.size(); ++column)
    out << (cells.numeric[column] ? " ---: |" : " --- |");
  out << '\n';
  for (const std::vector<std::string>& row : cells.rows) {
    out << '|';
    for (const std::string& cell : row) out << ' ' << markdown_text(cell) << " |";
    out << '\n';
  }
}

const std::vector<std::string> format_names = {"table", "json", "csv", "md"};

}  // namespace

std::string markdown_text(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '|' || c == '\\' || c == '*' || c == '`' || c == '[' || c == ']') escaped += '\\';
    if (c == '<')
      escaped += "&lt;";
    else if (c == '&')
      escaped += "&amp;";
    else
      escaped += c;
  }
  return escaped;
}

Format parse_format(const std::string& name) {
  const auto found = std::find(format_names.begin(), format_names.end(), name);
  if (found == format_names.end())
    throw core::Error(core::ExitCode::usage, "--format", "unknown format \"" + name + "\"",
                      core::suggestion(name, format_names));
  return static_cast<Format>(found - format_names.begin());
}

void print(std::ostream& out, const Table& table, Format format) {
  switch (format) {
    case Format::table:
      return print_table(out, table);
    case Format::json:
      return print_json(out, table);
    case Format::csv:
      return print_csv(out, table);
    case Format::md:
      return print_markdown(out, table);
  }
}

}  // namespace automask::results
