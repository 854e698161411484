/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/completion_scripts.h"

#include <stddef.h>
#include <string.h>

/* Readline breaks words at =, so they are put together again; and what it then replaces is only what is behind. */
static const char bash_script[] =
    "# bash completion of ordershop; made by `ordershop completion bash`\n"
    "_ordershop() {\n"
    "  local words=() word before='' last='' candidate meaning\n"
    "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
    "    if ((${#words[@]})) && [[ $word == = || $before == = ]]; then\n"
    "      words[${#words[@]}-1]+=$word\n"
    "    else\n"
    "      last=$before\n"
    "      words+=(\"$word\")\n"
    "    fi\n"
    "    before=$word\n"
    "  done\n"
    "  COMPREPLY=()\n"
    "  if [[ $last == --from || $last == --*-file ]]; then\n"
    "    compopt -o default 2>/dev/null\n"
    "    return\n"
    "  fi\n"
    "  while IFS=$'\\t' read -r candidate meaning; do\n"
    "    [[ ${words[${#words[@]}-1]} != --*=* ]] || candidate=${candidate#--*=}\n"
    "    COMPREPLY+=(\"$candidate\")\n"
    "  done < <(\"${COMP_WORDS[0]}\" __complete -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _ordershop ordershop\n";

static const char zsh_script[] =
    "#compdef ordershop\n"
    "# zsh completion of ordershop; made by `ordershop completion zsh`\n"
    "_ordershop() {\n"
    "  local line word\n"
    "  local -a ids meanings\n"
    "  if [[ ${words[CURRENT - 1]} == --from || ${words[CURRENT - 1]} == --*-file ]]; then\n"
    "    _files\n"
    "    return\n"
    "  fi\n"
    "  for line in \"${(@f)$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "    word=${line%%$'\\t'*}\n"
    "    [[ -n $word ]] || continue\n"
    "    ids+=(\"$word\")\n"
    "    meanings+=(\"$word  ${line#*$'\\t'}\")\n"
    "  done\n"
    "  compadd -U -l -d meanings -- \"${ids[@]}\"\n"
    "}\n"
    "if [[ ${funcstack[1]} == _ordershop ]]; then _ordershop \"$@\"; else compdef _ordershop ordershop; fi\n";

static const char fish_script[] =
    "# fish completion of ordershop; made by `ordershop completion fish`\n"
    "function __ordershop_complete\n"
    "    set -l words (commandline -opc)\n"
    "    $words[1] __complete -- $words[2..] (commandline -ct) 2>/dev/null\n"
    "end\n"
    "function __ordershop_wants_file\n"
    "    string match -qr -- '^--(from|.*-file)$' (commandline -opc)[-1]\n"
    "end\n"
    "complete -c ordershop -f -n 'not __ordershop_wants_file' -a '(__ordershop_complete)'\n"
    "complete -c ordershop -F -n __ordershop_wants_file\n";

const char *completion_script(const char *shell) {
  if (strcmp(shell, "bash") == 0) return bash_script;
  if (strcmp(shell, "zsh") == 0) return zsh_script;
  return strcmp(shell, "fish") == 0 ? fish_script : NULL;
}
