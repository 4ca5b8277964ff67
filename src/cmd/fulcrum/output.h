// Printing: aligned tables, colours on terminals, JSON, progress.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace fulcrum::cli {

/// How lists and objects are printed.
struct OutputOptions {
  std::string format = "table";  ///< table or json
  bool quiet = false;            ///< names or IDs only
  bool no_trunc = false;
};

/// Text that is not from us is shown without control characters: a name or a log of somebody's must not drive the terminal.
std::string printable(std::string_view text);

/// Writes to standard output; a closed pipe (EPIPE) ends the program quietly.
void print(std::string_view text);
void print_line(std::string_view text);
/// Writes to standard error.
void note(std::string_view text);

/// Whether standard output is a terminal that wants colours (NO_COLOR, TERM=dumb are honoured).
bool colours();
/// Wraps text in a colour when colours are on: "red", "green", "yellow", "dim", "bold".
std::string coloured(std::string_view text, std::string_view colour);

/// Rows printed in columns wide enough for their cells.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// `colour_column`: cells of this column are coloured by what they say (running green, failed red); -1: none.
  void print(int colour_column = -1) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// JSON with indentation.
void print_json(const boost::json::value& value);

/// "3 minutes ago", from an RFC 3339 time; empty for none.
std::string ago(std::string_view time, Time now);
std::string short_id(std::string_view id);

/// Shows the progress lines of a pull, push or load: bars that are redrawn on a terminal, one line per change elsewhere.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `{"id","status","current","total"}`
  void update(const boost::json::value& line);

 private:
  struct Bar {
    std::string id, status;
    std::int64_t current = 0, total = 0;
  };
  void draw();
  std::vector<Bar> bars_;
  bool terminal_;
  std::size_t drawn_ = 0;
  std::int64_t last_draw_ = 0;
};

}  // namespace fulcrum::cli
