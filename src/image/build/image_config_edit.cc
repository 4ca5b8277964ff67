#include "image/build/image_config_edit.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/signals.h"
#include "base/words.h"
#include "image/build/expand.h"
#include "image/build/go_text.h"
#include "image/build/nodes.h"

namespace fulcrum::image::build {

namespace {

using Config = oci::ImageRunConfig;

std::string join_spaced(std::span<const std::string> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += ' ';
    out += words[i];
  }
  return out;
}

/// `/bin/sh -c #(nop)  ENV a=b`; WORKDIR, COPY and ADD have one blank less, for reasons of history.
std::string no_operation(const Config& config, std::string_view comment, std::string_view blank = " ") {
  return join_spaced(shell_of(config)) + " #(nop) " + std::string(blank) + std::string(comment);
}

Result<unsigned> port_number(std::string_view text, std::string_view whole) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value < 1 || value > 65535)
    return fail(Code::invalid_argument, "invalid containerPort: {}", shown(whole));
  return value;
}

/// Adds "80", "80/udp" or "8000-8010"; what a host would publish ("8080:80") does not count here.
Result<> expose(Config& config, std::string_view spec) {
  const auto own = spec.substr(spec.rfind(':') + 1);
  const auto slash = std::min(own.find('/'), own.size());
  const auto ports = own.substr(0, slash);
  if (ports.empty()) return fail(Code::invalid_argument, "no port specified: {}<empty>", shown(spec));
  const auto protocol = slash + 1 < own.size() ? to_lower(own.substr(slash + 1)) : "tcp";
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
    return fail(Code::invalid_argument, "invalid proto: {}", shown(protocol));
  const auto dash = ports.find('-');
  const auto first = TRY(port_number(ports.substr(0, dash), ports));
  const auto last = dash == std::string_view::npos ? first : TRY(port_number(ports.substr(dash + 1), ports));
  if (last < first) return fail(Code::invalid_argument, "invalid containerPort: {}", shown(ports));
  for (auto port = first; port <= last; ++port) config.exposed_ports[fmt::format("{}/{}", port, protocol)];
  return {};
}

/// `&{Test:[CMD x] Interval:5s …}`, as Go prints the struct.
std::string health_text(const oci::Healthcheck& health) {
  return fmt::format("&{{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}", go_list(health.test),
                     go_duration(health.interval), go_duration(health.timeout), go_duration(health.start_period),
                     go_duration(health.start_interval), health.retries);
}

/// Applies each kind of instruction; gives what the history says after "#(nop) ".
class Editor {
 public:
  explicit Editor(ConfigState& state) : state_(state), config_(state.config) {}

  Result<std::string> operator()(const Env& env) const {
    std::string text = "ENV";
    for (const auto& [name, value] : env.variables) {
      const auto start = name + "=";
      text += " " + start + value;
      const auto old =
          std::find_if(config_.env.begin(), config_.env.end(), [&](const std::string& line) { return line.starts_with(start); });
      if (old == config_.env.end()) {
        config_.env.push_back(start + value);
      } else {
        *old = start + value;
      }
    }
    return text;
  }
  Result<std::string> operator()(const Label& label) const {
    std::string text = "LABEL";
    for (const auto& [name, value] : label.labels) {
      config_.labels[name] = value;
      text += " " + name + "=" + value;
    }
    return text;
  }
  Result<std::string> operator()(const Arg& arg) const {
    std::string text = "ARG";
    for (const auto& [name, value] : arg.arguments) {
      text += " " + name + (value ? "=" + *value : "");
      state_.args.declare(name, value);
    }
    return text;
  }
  Result<std::string> operator()(const Expose& ports) const {
    for (const auto& spec : ports.ports) TRY(expose(config_, spec));
    return "EXPOSE " + join_spaced(ports.ports);
  }
  Result<std::string> operator()(const User& user) const {
    config_.user = user.user;
    return "USER " + user.user;
  }
  Result<std::string> operator()(const Workdir& workdir) const {
    if (workdir.path.empty()) return fail(Code::invalid_argument, "cannot normalize nothing");
    config_.working_dir = clean_path(workdir.path[0] == '/' ? workdir.path : "/" + config_.working_dir + "/" + workdir.path);
    return "WORKDIR " + config_.working_dir;
  }
  Result<std::string> operator()(const Volume& volume) const {
    for (const auto& path : volume.paths) {
      if (path.empty()) return fail(Code::invalid_argument, "VOLUME specified can not be an empty string");
      config_.volumes[path];
    }
    return "VOLUME " + go_list(volume.paths);
  }
  Result<std::string> operator()(const Cmd& cmd) const {
    config_.cmd = resolve_command(config_, cmd.command);
    if (!cmd.command.words.empty()) state_.cmd_set = true;
    return "CMD " + go_quote(config_.cmd);
  }
  Result<std::string> operator()(const Entrypoint& entrypoint) const {
    config_.entrypoint = entrypoint.command.words.empty() ? std::vector<std::string>{} : resolve_command(config_, entrypoint.command);
    if (!state_.cmd_set) config_.cmd.clear();
    return "ENTRYPOINT " + go_quote(config_.entrypoint);
  }
  Result<std::string> operator()(const Healthcheck& check) const {
    config_.healthcheck = check.health;
    return "HEALTHCHECK " + health_text(check.health);
  }
  Result<std::string> operator()(const StopSignal& stop) const {
    if (!parse_signal(stop.signal)) return fail(Code::invalid_argument, "invalid signal: {}", shown(stop.signal));
    config_.stop_signal = stop.signal;
    return "STOPSIGNAL " + stop.signal;
  }
  Result<std::string> operator()(const Shell& shell) const {
    config_.shell = shell.words;
    return "SHELL " + go_list(shell.words);
  }
  Result<std::string> operator()(const Onbuild& onbuild) const {
    config_.on_build.push_back(onbuild.trigger);
    return "ONBUILD " + onbuild.trigger;
  }
  Result<std::string> operator()(const Maintainer& maintainer) const {
    state_.author = maintainer.name;
    return "MAINTAINER " + maintainer.name;
  }
  Result<std::string> operator()(const Run&) const { return changes_files(); }
  Result<std::string> operator()(const Copy&) const { return changes_files(); }
  Result<std::string> operator()(const Add&) const { return changes_files(); }

 private:
  static std::unexpected<Error> changes_files() { return fail(Code::invalid_argument, "this instruction changes more than the config"); }

  ConfigState& state_;
  Config& config_;
};

std::string without_leading_tabs(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (!at_start || c != '\t') out += c;
    at_start = (at_start && c == '\t') || c == '\n';
  }
  return out;
}

/// A script with its own interpreter, which reads it from descriptor 3.
std::string with_interpreter(std::string_view script) {
  const auto line_end = std::min(script.find('\n'), script.size());
  const auto interpreter = trim_space(script.substr(2, line_end - 2));
  std::string end = "END_OF_SCRIPT";
  while (script.find(end) != std::string_view::npos) end += '_';
  return "exec " + std::string(interpreter) + " /dev/fd/3 3<<'" + end + "'\n" + std::string(script) + end + "\n";
}

/// The text that the shell runs.
std::string script_of(const CommandLine& command) {
  auto text = join_spaced(command.words);
  if (command.files.empty()) return text;
  if (const auto lone = parse_heredoc_start(text); lone && *lone) {
    const auto& file = command.files[0];
    const auto content = file.chomp ? without_leading_tabs(file.content) : file.content;
    return content.starts_with("#!") ? with_interpreter(content) : content;
  }
  for (const auto& file : command.files) text += "\n" + file.content + file.name;
  return text;
}

}  // namespace

std::vector<std::string> begin_stage(ConfigState& state, const Config& base) {
  state.config = base;
  state.author.clear();
  state.cmd_set = false;
  const auto is_path = [](const std::string& line) { return line.starts_with("PATH="); };
  if (std::none_of(base.env.begin(), base.env.end(), is_path)) state.config.env.push_back("PATH=" + std::string(kDefaultPath));
  return std::exchange(state.config.on_build, {});
}

std::vector<std::string> visible_environment(const ConfigState& state) {
  auto out = state.config.env;
  for (auto& line : state.args.allowed(state.config.env)) out.push_back(std::move(line));
  return out;
}

Result<std::string> apply_instruction(ConfigState& state, const Instruction& instruction) {
  const auto text = TRY(std::visit(Editor(state), instruction.what));
  return no_operation(state.config, text, std::holds_alternative<Workdir>(instruction.what) ? "" : " ");
}

Result<std::string> expand_and_apply(ConfigState& state, Instruction instruction, char escape) {
  TRY(expand_instruction(instruction, lookup_in(visible_environment(state)), escape));
  return apply_instruction(state, instruction);
}

Result<> apply_changes(Config& config, std::span<const std::string> changes) {
  constexpr std::array<std::string_view, 11> kAllowed = {"CMD",     "ENTRYPOINT", "ENV",  "EXPOSE", "HEALTHCHECK", "LABEL",
                                                         "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"};
  ConfigState state;
  state.config = config;
  for (const auto& change : changes) {
    auto instruction = TRY(parse_instruction(change), "change {}", go_quote(shown(change)));
    const auto name = name_of(instruction);
    if (std::find(kAllowed.begin(), kAllowed.end(), name) == kAllowed.end())
      return fail(Code::invalid_argument, "{} is not a valid change command", name);
    TRY(expand_and_apply(state, std::move(instruction)), "change {}", go_quote(shown(change)));
  }
  config = std::move(state.config);
  return {};
}

std::vector<std::string> shell_of(const Config& config) {
  return config.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config.shell;
}

std::vector<std::string> resolve_command(const Config& config, const CommandLine& command) {
  if (!command.shell_form) return command.words;
  auto out = shell_of(config);
  if (!command.words.empty()) out.push_back(join_spaced(command.words));
  return out;
}

std::vector<std::string> run_words(const Config& config, const Run& run) {
  if (!run.command.shell_form) return run.command.words;
  auto out = shell_of(config);
  if (!run.command.words.empty()) out.push_back(script_of(run.command));
  return out;
}

std::vector<std::string> run_environment(const ConfigState& state) { return visible_environment(state); }

std::string run_comment(const ConfigState& state, const Run& run) {
  const auto arguments = state.args.allowed(state.config.env);
  auto out = join_spaced(run_words(state.config, run));
  if (arguments.empty()) return out;
  std::vector<std::string> counted;
  for (const auto& line : arguments)
    if (state.args.counts(line.substr(0, line.find('=')))) counted.push_back(line);
  const auto before = "|" + std::to_string(counted.size());
  return counted.empty() ? before + " " + out : before + " " + join_spaced(counted) + " " + out;
}

std::string copy_comment(const ConfigState& state, const Instruction& instruction, std::string_view source_hash) {
  const auto* copy = std::get_if<Copy>(&instruction.what);
  const auto* add = std::get_if<Add>(&instruction.what);
  FULCRUM_ASSERT(copy != nullptr || add != nullptr);
  const auto& transfer = copy != nullptr ? copy->transfer : add->transfer;
  auto text = std::string(name_of(instruction)) + " ";
  if (!transfer.chown.empty()) text += "--chown=" + transfer.chown + " ";
  if (!transfer.chmod.empty()) text += "--chmod=" + transfer.chmod + " ";
  text += std::string(source_hash) + " in " + transfer.destination + " ";
  return no_operation(state.config, text, "");
}

}  // namespace fulcrum::image::build
