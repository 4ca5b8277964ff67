#include "image/config_changes.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "schema/schema.h"

namespace fulcrum::image {

namespace {

using Config = oci::ImageRunConfig;
using Words = std::vector<std::string>;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Splits at spaces; quotes and backslashes as in a shell, without expansion.
Result<Words> split_words(std::string_view text) {
  Words words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return fail(Code::invalid_argument, "a quote is not closed");
  if (in_word) words.push_back(std::move(word));
  return words;
}

/// The JSON form, when it is one.
std::optional<Words> json_words(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  auto words = schema::decode_text<Words>(text);
  return words ? std::optional(std::move(*words)) : std::nullopt;
}

/// `["a", "b"]`, or a command for the shell.
Words command_words(const Config& config, std::string_view text) {
  if (auto words = json_words(text)) return std::move(*words);
  Words words = config.shell.empty() ? Words{"/bin/sh", "-c"} : config.shell;
  words.emplace_back(text);
  return words;
}

/// `a=b c="d e"`, or the old `a rest of the line`.
Result<std::vector<std::pair<std::string, std::string>>> pairs(std::string_view text) {
  auto words = TRY(split_words(text));
  std::vector<std::pair<std::string, std::string>> out;
  if (words.empty()) return fail(Code::invalid_argument, "NAME=value expected");
  if (words[0].find('=') == std::string::npos) {
    const auto space = text.find_first_of(" \t");
    if (space == std::string_view::npos) return fail(Code::invalid_argument, "NAME=value expected");
    out.emplace_back(std::string(text.substr(0, space)), std::string(trim(text.substr(space))));
    return out;
  }
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) return fail(Code::invalid_argument, "\"{}\" is not NAME=value", word);
    out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return out;
}

Result<> change_cmd(Config& config, std::string_view text) {
  config.cmd = command_words(config, text);
  return {};
}

Result<> change_entrypoint(Config& config, std::string_view text) {
  config.entrypoint = command_words(config, text);
  return {};
}

Result<> change_env(Config& config, std::string_view text) {
  for (const auto& [name, value] : TRY(pairs(text))) {
    const auto start = name + "=";
    const auto old = std::find_if(config.env.begin(), config.env.end(), [&](const std::string& e) { return e.starts_with(start); });
    if (old == config.env.end()) {
      config.env.push_back(start + value);
    } else {
      *old = start + value;
    }
  }
  return {};
}

Result<> change_label(Config& config, std::string_view text) {
  for (auto& [name, value] : TRY(pairs(text))) config.labels[name] = std::move(value);
  return {};
}

Result<unsigned> port_number(std::string_view text) {
  unsigned value = 0;
  const bool digits = !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
  for (const char c : digits ? text : "") value = value * 10 + static_cast<unsigned>(c - '0');
  if (value < 1 || value > 65535) return fail(Code::invalid_argument, "\"{}\" is not a port", text.substr(0, 32));
  return value;
}

Result<> change_expose(Config& config, std::string_view text) {
  for (const auto& word : TRY(split_words(text))) {
    const auto slash = word.find('/');
    const auto protocol = slash == std::string::npos ? "tcp" : word.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
      return fail(Code::invalid_argument, "\"{}\": the protocol must be tcp, udp or sctp", word);
    }
    const auto ports = std::string_view(word).substr(0, slash);
    const auto dash = ports.find('-');
    const auto first = TRY(port_number(ports.substr(0, dash)));
    const auto last = dash == std::string_view::npos ? first : TRY(port_number(ports.substr(dash + 1)));
    if (last < first) return fail(Code::invalid_argument, "\"{}\" is not a range of ports", word);
    for (auto port = first; port <= last; ++port) config.exposed_ports[std::to_string(port) + "/" + protocol];
  }
  return {};
}

Result<> change_workdir(Config& config, std::string_view text) {
  const auto path = std::string(text);
  config.working_dir = path.starts_with('/') ? path : config.working_dir + (config.working_dir.ends_with('/') ? "" : "/") + path;
  return {};
}

Result<> change_user(Config& config, std::string_view text) {
  config.user = text;
  return {};
}

Result<> change_volume(Config& config, std::string_view text) {
  auto words = json_words(text);
  for (const auto& word : words ? *words : TRY(split_words(text))) {
    if (word.empty()) return fail(Code::invalid_argument, "an empty path");
    config.volumes[word];
  }
  return {};
}

Result<> change_onbuild(Config& config, std::string_view text) {
  config.on_build.emplace_back(text);
  return {};
}

Result<> change_stopsignal(Config& config, std::string_view text) {
  const auto good = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-'; };
  if (!std::all_of(text.begin(), text.end(), good)) return fail(Code::invalid_argument, "\"{}\" is not a signal", text.substr(0, 32));
  config.stop_signal = text;
  return {};
}

Result<> set_health_flag(oci::Healthcheck& health, const std::string& flag) {
  const auto equals = flag.find('=');
  if (equals == std::string::npos) return fail(Code::invalid_argument, "{}: a value is missing", flag);
  const auto name = flag.substr(2, equals - 2);
  const auto value = flag.substr(equals + 1);
  if (name == "retries") {
    if (value.empty() || value.size() > 6 || value.find_first_not_of("0123456789") != std::string::npos) {
      return fail(Code::invalid_argument, "\"{}\" is not a number of retries", value);
    }
    health.retries = std::stoi(value);
    return {};
  }
  const std::array<std::pair<std::string_view, std::int64_t*>, 4> durations = {{{"interval", &health.interval},
                                                                                {"timeout", &health.timeout},
                                                                                {"start-period", &health.start_period},
                                                                                {"start-interval", &health.start_interval}}};
  for (const auto& [known, field] : durations) {
    if (known != name) continue;
    *field = TRY(parse_duration(value)).count();
    return {};
  }
  return fail(Code::invalid_argument, "unknown flag --{}", name);
}

Result<> change_healthcheck(Config& config, std::string_view text) {
  oci::Healthcheck health;
  while (text.starts_with("--")) {
    const auto space = text.find_first_of(" \t");
    if (space == std::string_view::npos) return fail(Code::invalid_argument, "CMD or NONE expected");
    TRY(set_health_flag(health, std::string(text.substr(0, space))));
    text = trim(text.substr(space));
  }
  if (text == "NONE") {
    health.test = {"NONE"};
  } else if (text.starts_with("CMD ") && !trim(text.substr(4)).empty()) {
    const auto command = trim(text.substr(4));
    if (auto words = json_words(command)) {
      health.test = std::move(*words);
      health.test.insert(health.test.begin(), "CMD");
    } else {
      health.test = {"CMD-SHELL", std::string(command)};
    }
  } else {
    return fail(Code::invalid_argument, "CMD or NONE expected");
  }
  config.healthcheck = std::move(health);
  return {};
}

constexpr std::array<std::pair<std::string_view, Result<> (*)(Config&, std::string_view)>, 11> kInstructions = {{
    {"CMD", change_cmd},
    {"ENTRYPOINT", change_entrypoint},
    {"ENV", change_env},
    {"EXPOSE", change_expose},
    {"HEALTHCHECK", change_healthcheck},
    {"LABEL", change_label},
    {"ONBUILD", change_onbuild},
    {"STOPSIGNAL", change_stopsignal},
    {"USER", change_user},
    {"VOLUME", change_volume},
    {"WORKDIR", change_workdir},
}};

}  // namespace

Result<> apply_change(Config& config, std::string_view instruction) {
  instruction = trim(instruction);
  if (instruction.size() > 64 << 10) return fail(Code::resource_exhausted, "change is longer than 64 KiB");
  const auto space = std::min(instruction.find_first_of(" \t"), instruction.size());
  std::string word(instruction.substr(0, space));
  for (auto& c : word) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  const auto rest = trim(instruction.substr(space));
  for (const auto& [name, apply] : kInstructions) {
    if (name != word) continue;
    if (rest.empty()) return fail(Code::invalid_argument, "change \"{}\": nothing follows the instruction", word);
    TRY(apply(config, rest), "change \"{}\"", instruction.substr(0, 256));
    return {};
  }
  return fail(
      Code::invalid_argument,
      "change \"{}\": only CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR can be changed",
      word.substr(0, 32));
}

}  // namespace fulcrum::image
