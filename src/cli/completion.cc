// `vm completion bash|zsh|fish`: prints a completion script.
#include <cstdio>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/guests.h"

namespace vm::cli {
namespace {

constexpr const char* kBash = R"sh(_vm() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "run boot top cache binfmt info version completion" -- "$cur")); return
    fi
    case ${COMP_WORDS[1]} in
        run) case $prev in
                 --tier) COMPREPLY=($(compgen -W "auto interp 1 2" -- "$cur")); return ;;
                 --perf) COMPREPLY=($(compgen -W "map jitdump" -- "$cur")); return ;;
                 --dump) COMPREPLY=($(compgen -W "guest ir host guest,ir,host regions" -- "$cur")); return ;;
                 -L|--sysroot|--root|-w|--workdir|--cache) COMPREPLY=($(compgen -d -- "$cur")); return ;;
             esac
             case $cur in
                 -*) COMPREPLY=($(compgen -W "-L --sysroot --root -e --env -u --unset -w --workdir --argv0 --tier --jit-opt --strace --strace=json --stats --metrics --dump --region-policy --perf --cpu --stack --memory-limit --code-cache --cache-policy --cache --cache-size --no-cache --icount --ignore-env --help" -- "$cur")) ;;
                 *) COMPREPLY=($(compgen -f -- "$cur")) ;;
             esac ;;
        boot) case $prev in
            --arch) COMPREPLY=($(compgen -W "riscv64" -- "$cur")) ;;
            --tier) COMPREPLY=($(compgen -W "auto interp 1" -- "$cur")) ;;
            --firmware|--kernel|--initrd|--dtb|--dump-dtb|--signature|--stats) COMPREPLY=($(compgen -f -- "$cur")) ;;
            *) COMPREPLY=($(compgen -W "--arch --firmware --kernel --initrd --append --dtb --dump-dtb --explain --dry-run --signature --signature-granularity --disk --net --share --console --memory --numa --smp --cpu --tier --code-cache --stats --metrics --help" -- "$cur")) ;;
            esac; return ;;
        top) case $prev in
                 -o) COMPREPLY=($(compgen -W "text json" -- "$cur")); return ;;
             esac
             case $cur in
                 -*) COMPREPLY=($(compgen -W "--interval --count --once -o --help" -- "$cur")) ;;
                 *) COMPREPLY=($(compgen -W "$(pgrep -x 'vm|vm-user')" -- "$cur")) ;;
             esac ;;
        cache) if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W "ls verify prune warm export import keygen" -- "$cur")); return; fi
             case $prev in
                 --cache) COMPREPLY=($(compgen -d -- "$cur")); return ;;
                 --key|--trust) COMPREPLY=($(compgen -f -- "$cur")); return ;;
                 -o) COMPREPLY=($(compgen -W "text json" -- "$cur")); return ;;
             esac
             case ${COMP_WORDS[2]} in
                 prune) COMPREPLY=($(compgen -W "--cache --size -o" -- "$cur")) ;;
                 export) COMPREPLY=($(compgen -f -W "--cache --key -o" -- "$cur")) ;;
                 import) COMPREPLY=($(compgen -f -W "--cache --trust -o" -- "$cur")) ;;
                 keygen) COMPREPLY=($(compgen -f -W "-o" -- "$cur")) ;;
                 *) COMPREPLY=($(compgen -W "--cache -o" -- "$cur")) ;;
             esac ;;
        info) COMPREPLY=($(compgen -f -W "-o --jit-opts" -- "$cur")) ;;
        binfmt) if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W "install remove status" -- "$cur")); return; fi
             case $prev in
                 --interpreter) COMPREPLY=($(compgen -f -- "$cur")); return ;;
                 -o) COMPREPLY=($(compgen -W "json" -- "$cur")); return ;;
             esac
             case ${COMP_WORDS[2]} in
                 install) COMPREPLY=($(compgen -W "--interpreter --setuid @ISAS@" -- "$cur")) ;;
                 status) COMPREPLY=($(compgen -W "-o @ISAS@" -- "$cur")) ;;
                 *) COMPREPLY=($(compgen -W "@ISAS@" -- "$cur")) ;;
             esac ;;
        completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")) ;;
    esac
}
complete -o filenames -F _vm vm
)sh";

constexpr const char* kZsh = R"sh(#compdef vm
_vm() {
    local -a commands=(run boot top cache binfmt info version completion)
    if (( CURRENT == 2 )); then _describe command commands; return; fi
    case $words[2] in
        run) _arguments '-L[sysroot]:dir:_directories' '--root[root]:dir:_directories' '*-e[set variable]:K=V' '*-u[unset variable]:K' '-w[directory]:dir:_directories' \
                 '--argv0[argv 0]:name' '--tier[tier]:tier:(auto interp 1 2)' '*--jit-opt[switch]:name' '--strace[trace]' '--stats[file]:file:_files' '--metrics[serve counters]:where' \
                 '--dump[what]:what:(guest ir host regions)' '--region-policy[which loops]:policy:(threshold forest all)' '--perf[kind]:kind:(map jitdump)' '--cpu[model]:model' '--stack[size]:size' \
                 '--memory-limit[size]:size' '--code-cache[size]:size' '--cache-policy[policy]:policy:(generations fifo flush)' '--cache[directory]:dir:_directories' '--cache-size[size]:size' '--no-cache[keep none]' '--icount[count]' '--ignore-env[no VM_*]' '*:program:_files' ;;
        boot) _arguments '--arch[processor]:arch:(riscv64)' '--firmware[M-mode software]:file:_files' '--kernel[kernel image]:file:_files' '--dtb[device tree]:file:_files' '--dump-dtb[write the device tree]:file:_files' '--explain[print the machine]' '--dry-run[do not start]' '--signature[write test memory]:file:_files' '--signature-granularity[bytes a line]:number:(1 2 4 8 16)' '--initrd[RAM disk]:file:_files' '--append[command line]:text' '*--disk[disk image]:file\:_files' '*--net[network card]:net:(user tap none)' '*--share[shared folder]:folder:_files -/' '--console[what is typed goes there]:console:(serial virtio)' '(-m --memory)'{-m,--memory}'[RAM]:size' '--numa[nodes of the RAM]:policy' '--smp[processors]:number' '--cpu[model]:model' '--tier[how code runs]:tier:(auto interp 1)' '--code-cache[size]:size' '--stats[counters]:file:_files' '--metrics[serve counters]:where' ;;
        top) _arguments '--interval[time between samples]:seconds' '(--once)--count[samples]:number' '(--count)--once[one sample]' '-o[format]:format:(text json)' '1:process:_pids' ;;
        cache) _arguments '2:verb:(ls verify prune warm export import keygen)' '--cache[directory]:dir:_directories' '--size[may stay]:size' '--key[sign with]:file:_files' '--trust[signed with]:file:_files' '-o[format]:format:(text json)' '*:file:_files' ;;
        binfmt) _arguments '2:verb:(install remove status)' '--interpreter[vm-user]:file:_files' '--setuid[flag C]' '-o[format]:format:(json)' '*:isa:(@ISAS@)' ;;
        completion) _values shell bash zsh fish ;;
        *) _files ;;
    esac
}
_vm "$@"
)sh";

constexpr const char* kFish =
    R"sh(complete -c vm -n __fish_use_subcommand -a 'run boot top cache binfmt info version completion' -f
complete -c vm -n '__fish_seen_subcommand_from binfmt' -a 'install remove status @ISAS@' -f
complete -c vm -n '__fish_seen_subcommand_from binfmt' -l interpreter -r
complete -c vm -n '__fish_seen_subcommand_from binfmt' -l setuid -f
complete -c vm -n '__fish_seen_subcommand_from binfmt' -s o -x -a json
complete -c vm -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish' -f
complete -c vm -n '__fish_seen_subcommand_from boot' -l arch -x -a riscv64
complete -c vm -n '__fish_seen_subcommand_from boot' -l firmware -l kernel -l initrd -l dtb -l dump-dtb -l signature -l stats -r
complete -c vm -n '__fish_seen_subcommand_from boot' -l explain -l dry-run -f
complete -c vm -n '__fish_seen_subcommand_from boot' -l signature-granularity -x -a '1 2 4 8 16'
complete -c vm -n '__fish_seen_subcommand_from boot' -l append -l disk -l memory -l numa -l smp -l cpu -l code-cache -x
complete -c vm -n '__fish_seen_subcommand_from boot' -l tier -x -a 'auto interp 1'
complete -c vm -n '__fish_seen_subcommand_from top' -a '(pgrep -x "vm|vm-user")' -f
complete -c vm -n '__fish_seen_subcommand_from top' -l interval -l count -x
complete -c vm -n '__fish_seen_subcommand_from top' -l once -f
complete -c vm -n '__fish_seen_subcommand_from top' -s o -x -a 'text json'
complete -c vm -n '__fish_seen_subcommand_from cache' -a 'ls verify prune warm export import keygen' -f
complete -c vm -n '__fish_seen_subcommand_from cache' -l cache -l key -l trust -r
complete -c vm -n '__fish_seen_subcommand_from cache' -l size -x
complete -c vm -n '__fish_seen_subcommand_from cache' -s o -x -a 'text json'
complete -c vm -n '__fish_seen_subcommand_from export import keygen' -F
complete -c vm -n '__fish_seen_subcommand_from run' -l tier -x -a 'auto interp 1 2'
complete -c vm -n '__fish_seen_subcommand_from run' -l perf -x -a 'map jitdump'
complete -c vm -n '__fish_seen_subcommand_from run' -l dump -x -a 'guest ir host'
complete -c vm -n '__fish_seen_subcommand_from run' -s L -l sysroot -r
complete -c vm -n '__fish_seen_subcommand_from run' -l root -r
complete -c vm -n '__fish_seen_subcommand_from run' -s e -l env -x
complete -c vm -n '__fish_seen_subcommand_from run' -s u -l unset -x
complete -c vm -n '__fish_seen_subcommand_from run' -s w -l workdir -r
complete -c vm -n '__fish_seen_subcommand_from run' -l argv0 -l cpu -l stack -l memory-limit -l code-cache -l cache-policy -l region-policy -l cache-size -l jit-opt -x
complete -c vm -n '__fish_seen_subcommand_from run' -l cache -r
complete -c vm -n '__fish_seen_subcommand_from run' -l strace -l icount -l no-cache -l ignore-env
complete -c vm -n '__fish_seen_subcommand_from run' -l stats -r
complete -c vm -n '__fish_seen_subcommand_from run boot' -l metrics -x
)sh";

/// The script with the guests' names in it.
void print(std::string script) {
    constexpr std::string_view kMark = "@ISAS@";
    const std::string names = guest_names(" ");
    for (size_t at; (at = script.find(kMark)) != std::string::npos;) script.replace(at, kMark.size(), names);
    std::fputs(script.c_str(), stdout);
}

}  // namespace

int completion_command(const std::vector<std::string>& args) {
    const std::string shell = args.size() == 1 ? args[0] : "";
    if (shell == "bash")
        print(kBash);
    else if (shell == "zsh")
        print(kZsh);
    else if (shell == "fish")
        print(kFish);
    else {
        complain("completion takes one of bash, zsh, fish");
        return kExitTool;
    }
    return 0;
}

}  // namespace vm::cli
