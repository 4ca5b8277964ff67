// A Dockerfile's lines: continuation joined, comments gone, directives read, words split as each instruction wants them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/build/dockerfile.h"

namespace fulcrum::image::build {

/// One instruction, not looked at more closely yet.
struct Node {
  std::string name;                ///< as written
  std::string original;            ///< the joined line
  std::vector<std::string> flags;  ///< "--x=y", in order
  /// ENV and LABEL: name, value, name, value, …; HEALTHCHECK: the type first; else as the instruction splits them.
  std::vector<std::string> args;
  bool json = false;  ///< the JSON form
  std::vector<Heredoc> heredocs;
  int line = 0;
  int last_line = 0;
};

/// What the lines say.
struct NodeList {
  char escape = '\\';
  std::string syntax;
  std::string check;
  std::vector<Node> nodes;
  std::vector<std::string> warnings;
};

/// Splits a text into instructions. `escape` holds until a directive says otherwise. Errors: invalid_argument with the line.
[[nodiscard]] Result<NodeList> read_nodes(std::string_view text, const DockerfileLimits& limits, char escape = '\\');

/// A here-document's start ("<<EOF", "3<<-'EOF'"), or nothing.
[[nodiscard]] Result<std::optional<Heredoc>> parse_heredoc_start(std::string_view word);

/// "dockerfile parse error on line 3: …"
[[nodiscard]] std::unexpected<Error> fail_at(int line, std::string_view message);

/// What an instruction's line splits into (line_words.cc).
struct LineWords {
  std::string name;
  std::vector<std::string> flags;
  std::vector<std::string> args;
  bool json = false;
  bool takes_heredocs = false;  ///< RUN, COPY and ADD, also behind ONBUILD, unless in the JSON form
};
/// Splits a joined line by its instruction's rules; an unknown instruction has no args. Errors: invalid_argument.
[[nodiscard]] Result<LineWords> split_line(std::string_view line, char escape);

}  // namespace fulcrum::image::build
