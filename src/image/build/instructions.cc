#include "image/build/instructions.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/units.h"
#include "image/build/flags.h"
#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

using Kind = FlagRule::Kind;
using What = decltype(Instruction::what);

std::unexpected<Error> needs_one(std::string_view name) { return fail(Code::invalid_argument, "{} requires at least one argument", name); }
std::unexpected<Error> needs_exactly_one(std::string_view name) {
  return fail(Code::invalid_argument, "{} requires exactly one argument", name);
}

Result<> no_flags(const Node& node) {
  TRY(Flags::parse(node.flags, {}));
  return {};
}

Result<std::vector<Pair>> pairs(const Node& node, std::string_view name) {
  TRY(no_flags(node));
  if (node.args.empty()) return needs_one(name);
  std::vector<Pair> out;
  for (std::size_t i = 0; i + 1 < node.args.size(); i += 2) {
    if (node.args[i].empty()) return fail(Code::invalid_argument, "{} names can not be blank", name);
    out.emplace_back(node.args[i], node.args[i + 1]);
  }
  return out;
}

CommandLine command_line(const Node& node) {
  CommandLine out;
  out.words = node.args;
  out.shell_form = !node.json;
  out.files = node.heredocs;
  return out;
}

Result<What> make_run(const Node& node) {
  constexpr std::array<FlagRule, 4> kRules = {{{"mount", Kind::texts}, {"network"}, {"security"}, {"device", Kind::texts}}};
  const auto flags = TRY(Flags::parse(node.flags, kRules));
  Run run{command_line(node), flags.text("network"), flags.all()};
  if (!run.network.empty() && run.network != "default" && run.network != "none" && run.network != "host")
    return fail(Code::invalid_argument, "unsupported network mode {}", go_quote(run.network.substr(0, 256)));
  return run;
}

Result<What> make_cmd(const Node& node) {
  TRY(no_flags(node));
  return Cmd{command_line(node)};
}

Result<What> make_entrypoint(const Node& node) {
  TRY(no_flags(node));
  return Entrypoint{command_line(node)};
}

/// Sources and destination, here-documents among them.
Result<Transfer> make_transfer(const Node& node, const Flags& flags, std::string_view name) {
  Transfer out;
  out.chown = flags.text("chown");
  out.chmod = flags.text("chmod");
  out.link = flags.truth("link").value_or(false);
  out.exclude = flags.texts("exclude");
  out.destination = node.args.back();
  const auto heredoc_in = [&](const std::string& word) -> std::optional<Heredoc> {
    auto start = node.json ? std::nullopt : parse_heredoc_start(word).value_or(std::nullopt);
    return start;
  };
  if (heredoc_in(out.destination)) return fail(Code::invalid_argument, "{} cannot accept a heredoc as a destination", name);
  for (std::size_t i = 0; i + 1 < node.args.size(); ++i) {
    const auto start = heredoc_in(node.args[i]);
    if (!start) {
      out.sources.push_back(node.args[i]);
      continue;
    }
    const auto body = std::find_if(node.heredocs.rbegin(), node.heredocs.rend(), [&](const Heredoc& h) { return h.name == start->name; });
    auto content = body == node.heredocs.rend() ? std::string{} : body->content;
    if (start->chomp) {
      std::string chomped;
      bool at_start = true;
      for (const char c : content) {
        if (!at_start || c != '\t') chomped += c;
        at_start = (at_start && c == '\t') || c == '\n';
      }
      content = std::move(chomped);
    }
    out.inline_files.push_back({start->name, std::move(content), start->expand});
  }
  return out;
}

std::unexpected<Error> no_destination(std::string_view name) {
  return fail(Code::invalid_argument, "{} requires at least two arguments, but only one was provided. Destination could not be determined",
              name);
}

Result<What> make_copy(const Node& node) {
  constexpr std::array<FlagRule, 6> kRules = {
      {{"chown"}, {"from"}, {"chmod"}, {"link", Kind::truth}, {"exclude", Kind::texts}, {"parents", Kind::truth}}};
  if (node.args.size() < 2) return no_destination("COPY");
  const auto flags = TRY(Flags::parse(node.flags, kRules));
  return Copy{TRY(make_transfer(node, flags, "COPY")), flags.text("from"), flags.truth("parents").value_or(false)};
}

Result<What> make_add(const Node& node) {
  constexpr std::array<FlagRule, 7> kRules = {{{"chown"},
                                               {"chmod"},
                                               {"link", Kind::truth},
                                               {"keep-git-dir", Kind::truth},
                                               {"checksum"},
                                               {"unpack", Kind::truth},
                                               {"exclude", Kind::texts}}};
  if (node.args.size() < 2) return no_destination("ADD");
  const auto flags = TRY(Flags::parse(node.flags, kRules));
  return Add{TRY(make_transfer(node, flags, "ADD")), flags.text("checksum"), flags.truth("unpack"), flags.truth("keep-git-dir")};
}

Result<What> make_env(const Node& node) { return Env{TRY(pairs(node, "ENV"))}; }
Result<What> make_label(const Node& node) { return Label{TRY(pairs(node, "LABEL")), false}; }

Result<What> make_arg(const Node& node) {
  if (node.args.empty()) return needs_one("ARG");
  TRY(no_flags(node));
  Arg out;
  for (const auto& word : node.args) {
    const auto equals = word.find('=');
    if (equals == 0) return fail(Code::invalid_argument, "ARG names can not be blank");
    if (equals == std::string::npos) {
      out.arguments.emplace_back(word, std::nullopt);
    } else {
      out.arguments.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  return out;
}

Result<What> make_expose(const Node& node) {
  if (node.args.empty()) return needs_one("EXPOSE");
  TRY(no_flags(node));
  Expose out{node.args};
  std::sort(out.ports.begin(), out.ports.end());
  return out;
}

Result<What> make_user(const Node& node) {
  if (node.args.size() != 1) return needs_exactly_one("USER");
  TRY(no_flags(node));
  return User{node.args[0]};
}

Result<What> make_workdir(const Node& node) {
  if (node.args.size() != 1) return needs_exactly_one("WORKDIR");
  TRY(no_flags(node));
  return Workdir{node.args[0]};
}

Result<What> make_volume(const Node& node) {
  if (node.args.empty()) return needs_one("VOLUME");
  TRY(no_flags(node));
  Volume out;
  for (const auto& arg : node.args) {
    const auto path = trim_space(arg);
    if (path.empty()) return fail(Code::invalid_argument, "VOLUME specified can not be an empty string");
    out.paths.emplace_back(path);
  }
  return out;
}

Result<What> make_stop_signal(const Node& node) {
  if (node.args.size() != 1) return needs_exactly_one("STOPSIGNAL");
  TRY(no_flags(node));
  return StopSignal{node.args[0]};
}

Result<What> make_shell(const Node& node) {
  TRY(no_flags(node));
  if (node.args.empty()) return needs_one("SHELL");
  if (!node.json) return fail(Code::invalid_argument, "SHELL requires the arguments to be in JSON form");
  return Shell{node.args};
}

Result<What> make_maintainer(const Node& node) {
  if (node.args.size() != 1) return needs_exactly_one("MAINTAINER");
  TRY(no_flags(node));
  return Maintainer{node.args[0]};
}

Result<What> make_onbuild(const Node& node) {
  if (node.args.empty()) return needs_one("ONBUILD");
  TRY(no_flags(node));
  const auto trigger = to_upper(trim_space(node.args[0]));
  if (trigger == "ONBUILD") return fail(Code::invalid_argument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger == "MAINTAINER" || trigger == "FROM") return fail(Code::invalid_argument, "{} isn't allowed as an ONBUILD trigger", trigger);
  constexpr std::size_t kName = 7;
  Onbuild out{std::string(trim_left_space(trim_left_space(node.original).substr(kName)))};
  for (const auto& heredoc : node.heredocs) out.trigger += "\n" + heredoc.content + heredoc.name;
  return out;
}

Result<std::int64_t> health_duration(const Flags& flags, std::string_view name) {
  const auto text = flags.text(name);
  if (text.empty()) return 0;
  const auto duration = parse_duration(text);
  if (!duration || text.find('d') != std::string::npos)
    return fail(Code::invalid_argument, "time: invalid duration {}", go_quote(text.substr(0, 64)));
  if (duration->count() != 0 && duration->count() < 1000'000)
    return fail(Code::invalid_argument, "Interval {} cannot be less than 1ms", go_quote(name));
  return duration->count();
}

Result<int> health_retries(const std::string& text) {
  if (text.empty()) return 0;
  int value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size())
    return fail(Code::invalid_argument, "strconv.ParseInt: parsing {}: invalid syntax", go_quote(text.substr(0, 64)));
  if (value < 0) return fail(Code::invalid_argument, "--retries cannot be negative ({})", value);
  return value;
}

Result<What> make_healthcheck(const Node& node) {
  constexpr std::array<FlagRule, 5> kRules = {{{"interval"}, {"timeout"}, {"start-period"}, {"start-interval"}, {"retries"}}};
  if (node.args.empty()) return needs_one("HEALTHCHECK");
  const auto flags = TRY(Flags::parse(node.flags, kRules));
  const auto type = to_upper(node.args[0]);
  Healthcheck out;
  if (type == "NONE") {
    if (node.args.size() > 1) return fail(Code::invalid_argument, "HEALTHCHECK NONE takes no arguments");
    out.health.test = {"NONE"};
    return out;
  }
  if (type != "CMD") return fail(Code::invalid_argument, "Unknown type {} in HEALTHCHECK (try CMD)", go_quote(type.substr(0, 64)));
  if (node.args.size() < 2) return fail(Code::invalid_argument, "Missing command after HEALTHCHECK CMD");
  out.health.test = node.args;
  out.health.test[0] = node.json ? "CMD" : "CMD-SHELL";
  out.health.interval = TRY(health_duration(flags, "interval"));
  out.health.timeout = TRY(health_duration(flags, "timeout"));
  out.health.start_period = TRY(health_duration(flags, "start-period"));
  out.health.start_interval = TRY(health_duration(flags, "start-interval"));
  out.health.retries = TRY(health_retries(flags.text("retries")));
  return out;
}

constexpr std::array<std::pair<std::string_view, Result<What> (*)(const Node&)>, 17> kMakers = {{{"ADD", make_add},
                                                                                                 {"ARG", make_arg},
                                                                                                 {"CMD", make_cmd},
                                                                                                 {"COPY", make_copy},
                                                                                                 {"ENTRYPOINT", make_entrypoint},
                                                                                                 {"ENV", make_env},
                                                                                                 {"EXPOSE", make_expose},
                                                                                                 {"HEALTHCHECK", make_healthcheck},
                                                                                                 {"LABEL", make_label},
                                                                                                 {"MAINTAINER", make_maintainer},
                                                                                                 {"ONBUILD", make_onbuild},
                                                                                                 {"RUN", make_run},
                                                                                                 {"SHELL", make_shell},
                                                                                                 {"STOPSIGNAL", make_stop_signal},
                                                                                                 {"USER", make_user},
                                                                                                 {"VOLUME", make_volume},
                                                                                                 {"WORKDIR", make_workdir}}};

bool is_stage_name(std::string_view name) {
  const auto rest = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' && std::all_of(name.begin(), name.end(), rest);
}

}  // namespace

Result<Instruction> make_instruction(const Node& node) {
  const auto name = to_upper(node.name);
  for (const auto& [known, make] : kMakers) {
    if (known != name) continue;
    return Instruction{TRY(make(node)), std::string(trim_space(node.original)), node.line, node.last_line};
  }
  return fail(Code::invalid_argument, "unknown instruction: {}", shown(node.name));
}

Result<Stage> make_stage(const Node& node) {
  Stage out;
  const auto& args = node.args;
  if (args.size() == 3 && to_lower(args[1]) == "as") {
    out.name = to_lower(args[2]);
    if (!is_stage_name(out.name))
      return fail(Code::invalid_argument, "invalid name for build stage: {}, name can't start with a number or contain symbols",
                  go_quote(args[2].substr(0, 256)));
  } else if (args.size() != 1) {
    return fail(Code::invalid_argument, "FROM requires either one or three arguments");
  }
  constexpr std::array<FlagRule, 1> kRules = {{{"platform"}}};
  out.platform = TRY(Flags::parse(node.flags, kRules)).text("platform");
  out.base = args[0];
  out.original = trim_space(node.original);
  out.line = node.line;
  return out;
}

}  // namespace fulcrum::image::build
