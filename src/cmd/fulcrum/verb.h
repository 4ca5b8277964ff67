// A verb of the command line: it declares its flags, then runs. Only the verb that was called is ever built.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cmd/fulcrum/context.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace fulcrum::cli {

class Verb {
 public:
  virtual ~Verb() = default;
  /// Adds flags and positionals to the parser.
  virtual void declare(CLI::App& app) = 0;
  /// Does the work. The value is the exit status; an error is printed and becomes failure_status().
  [[nodiscard]] virtual Result<int> run(Context& context) = 0;
  /// After this many positionals everything is taken literally (`run IMAGE ls -l`); negative: never.
  virtual int literal_after() const { return -1; }
  /// What came after them.
  std::vector<std::string> literal;
  /// Exit status when the engine refuses: 125 for run and exec, as with docker, so that it is not taken for the program's own.
  virtual int failure_status() const { return 1; }
};

/// One line of the table of verbs.
struct Command {
  std::string_view path;   ///< "run", "image ls"
  std::string_view group;  ///< heading in the help
  std::string_view summary;
  std::string_view examples;  ///< lines shown in the verb's help
  std::unique_ptr<Verb> (*make)();
};

template <class V>
std::unique_ptr<Verb> make_verb() {
  return std::make_unique<V>();
}

// The verbs by file.
std::span<const Command> run_commands();
std::span<const Command> lifecycle_commands();
std::span<const Command> list_commands();
std::span<const Command> stream_commands();
std::span<const Command> copy_commands();
std::span<const Command> build_commands();
std::span<const Command> image_commands();
std::span<const Command> volume_commands();
std::span<const Command> network_commands();
std::span<const Command> file_commands();
std::span<const Command> apply_commands();
std::span<const Command> system_commands();

/// Every command, in the order of the help.
const std::vector<Command>& all_commands();

/// A repeatable option that takes one value each time (CLI11 would swallow what follows).
CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<std::string>& target, const std::string& help);

/// Parses `arguments` into the verb. invalid_argument with CLI11's message on a wrong use; cancelled when help was printed.
[[nodiscard]] Result<> parse(const Command& command, Verb& verb, const std::vector<std::string>& arguments);

}  // namespace fulcrum::cli
