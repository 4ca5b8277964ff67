#include "cmd/fulcrum/completion.h"

#include <CLI/CLI.hpp>

#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {
namespace {

struct VerbFlags {
  std::string_view path;
  std::string_view summary;
  std::vector<std::string> flags;
  std::string names;  ///< what a positional is completed with: "workloads", "images" or nothing
};

std::vector<VerbFlags> collect() {
  std::vector<VerbFlags> out;
  for (const auto& command : all_commands()) {
    CLI::App app;
    command.make()->declare(app);
    VerbFlags verb{command.path, command.summary, {"--help"}, ""};
    for (const auto* option : app.get_options()) {
      for (const auto& name : option->get_lnames())
        if (name != "help") verb.flags.push_back("--" + name);
      if (option->get_positional() && option->get_name(true) == "image") verb.names = "images";
    }
    if (command.group == "Life" || command.group == "Inside" || command.group == "Look") verb.names = "workloads";
    out.push_back(std::move(verb));
  }
  return out;
}

std::string bash() {
  std::string cases;
  std::string words;
  for (const auto& verb : collect()) {
    const auto space = verb.path.find(' ');
    const auto first = std::string(verb.path.substr(0, space));
    if ((" " + words + " ").find(" " + first + " ") == std::string::npos) words += (words.empty() ? "" : " ") + first;
    std::string flags;
    for (const auto& flag : verb.flags) flags += (flags.empty() ? "" : " ") + flag;
    cases += "    '" + std::string(verb.path) + "') flags='" + flags + "' names='" + verb.names + "';;\n";
  }
  std::string nouns;
  for (const auto* noun : {"image", "volume", "network", "secret", "config"}) {
    std::string verbs;
    for (const auto& command : all_commands())
      if (command.path.starts_with(std::string(noun) + " "))
        verbs += " " + std::string(command.path.substr(std::string_view(noun).size() + 1));
    nouns += "    " + std::string(noun) + ") verbs='" + verbs.substr(1) + "';;\n";
  }
  return "# bash completion for fulcrum\n_fulcrum() {\n  local current=${COMP_WORDS[COMP_CWORD]} path=${COMP_WORDS[1]} flags= names= "
         "verbs=\n"
         "  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W '" +
         words + "' -- \"$current\")); return; fi\n  case $path in\n" + nouns +
         "  esac\n  if [ -n \"$verbs\" ]; then\n    if [ \"$COMP_CWORD\" = 2 ]; then COMPREPLY=($(compgen -W \"$verbs\" -- \"$current\")); "
         "return; fi\n"
         "    path=\"$path ${COMP_WORDS[2]}\"\n  fi\n  case $path in\n" +
         cases +
         "  esac\n  case $current in\n    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"));;\n    *)\n      case $names in\n"
         "        workloads) COMPREPLY=($(compgen -W \"$(fulcrum ls -a --format json 2>/dev/null | sed -n 's/^ *\"name\": "
         "\"\\(.*\\)\",*$/\\1/p')\" -- \"$current\"));;\n"
         "        images) COMPREPLY=($(compgen -W \"$(fulcrum image ls 2>/dev/null | awk 'NR>1{print $1}')\" -- \"$current\"));;\n"
         "        *) COMPREPLY=($(compgen -f -- \"$current\"));;\n      esac;;\n  esac\n}\ncomplete -F _fulcrum fulcrum\n";
}

std::string fish() {
  std::string out = "# fish completion for fulcrum\ncomplete -c fulcrum -f\n";
  for (const auto& verb : collect()) {
    const auto space = verb.path.find(' ');
    const auto first = std::string(verb.path.substr(0, space));
    std::string condition = "__fish_seen_subcommand_from " + first;
    if (space == std::string_view::npos) {
      out += "complete -c fulcrum -n __fish_use_subcommand -a " + first + " -d '" + std::string(verb.summary) + "'\n";
    } else {
      const auto second = std::string(verb.path.substr(space + 1));
      out += "complete -c fulcrum -n __fish_use_subcommand -a " + first + "\n";
      out += "complete -c fulcrum -n '" + condition + "' -a " + second + " -d '" + std::string(verb.summary) + "'\n";
      condition += "; and __fish_seen_subcommand_from " + second;
    }
    for (const auto& flag : verb.flags) out += "complete -c fulcrum -n '" + condition + "' -l " + flag.substr(2) + "\n";
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash();
  if (shell == "fish") return fish();
  return fail(Code::invalid_argument, "\"{}\" is not bash, zsh or fish", shell);
}

}  // namespace fulcrum::cli
