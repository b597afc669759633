// completion: written from the options themselves, so that it cannot lag behind them.
#include <iostream>

#include "harness/commands/commands.h"

namespace automask::harness {
namespace {

std::string long_options(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words += " --" + name;
  return words;
}

int bash_completion(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands += " " + command->get_name();
    std::string inner, words = long_options(*command);
    for (const CLI::App* below : command->get_subcommands([](const CLI::App*) { return true; })) {
      inner += " " + below->get_name();
      words += long_options(*below);
    }
    cases += "    " + command->get_name() + ") words=\"" + words + "\"";
    if (!inner.empty())
      cases += "; if [ \"$before\" = " + command->get_name() + " ]; then COMPREPLY=($(compgen -W \"" + inner +
               "\" -- \"$current\")); return; fi";
    cases += " ;;\n";
  }
  std::cout << "# bash completion for automask: source <(automask completion bash)\n"
               "_automask() {\n"
               "  local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" command=\"\" word "
               "words\n"
               "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
               "    case \"$word\" in -*) ;; *) command=\"$word\"; break ;; esac\n"
               "  done\n"
               "  case \"$before\" in\n"
               "    --numbers) COMPREPLY=($(compgen -W \"fp32 fp16 int8\" -- \"$current\")); return ;;\n"
               "    --calibrate) COMPREPLY=($(compgen -W \"minmax percentile mse\" -- \"$current\")); return ;;\n"
               "    --format) words=\"table json csv md\"\n"
               "      if [ \"$command\" = export ]; then words=\"package onnx onnx-qdq\"; fi\n"
               "      COMPREPLY=($(compgen -W \"$words\" -- \"$current\")); return ;;\n"
               "    --progress) COMPREPLY=($(compgen -W \"auto plain jsonl none\" -- \"$current\")); return ;;\n"
               "    --saved) COMPREPLY=($(compgen -W \"$(automask query --list --format csv 2>/dev/null | tail -n +2 |"
               " cut -d, -f1)\" -- \"$current\")); return ;;\n"
               "    --store|--output) COMPREPLY=($(compgen -d -- \"$current\")); return ;;\n"
               "  esac\n"
               "  case \"$command\" in\n"
            << cases << "    *) words=\"" << commands
            << "\" ;;\n"
               "  esac\n"
               "  words=\"$words "
            << long_options(app)
            << "\"\n"
               "  case \"$current\" in\n"
               "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
               "    *) if [ -z \"$command\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
               "       else COMPREPLY=($(compgen -f -- \"$current\")); fi ;;\n"
               "  esac\n"
               "}\n"
               "complete -o filenames -F _automask automask\n";
  return 0;
}

}  // namespace

void add_completion(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("completion", "print shell completion");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash")->required()->check(CLI::IsMember({"bash"}));
  command->footer("Example:\n  source <(automask completion bash)");
  command->callback([&app, &commands, shell] { commands.action = [&app] { return bash_completion(app); }; });
}

}  // namespace automask::harness
