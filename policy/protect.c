#include "policy/protect.h"

#include "base/macros.h"

const struct policy_protect_row policy_protect_rows[] = {
    {".bashrc", false, false, "run by every interactive bash"},
    {".bash_profile", false, false, "run by bash at login"},
    {".bash_login", false, false, "run by bash at login"},
    {".profile", false, false, "run by sh and bash at login"},
    {".zshrc", false, false, "run by every interactive zsh"},
    {".zprofile", false, false, "run by zsh at login"},
    {".zshenv", false, false, "run by every zsh, scripts too"},
    {".zlogin", false, false, "run by zsh at login"},
    {".gitconfig", false, false, "aliases, hooks path and pagers are commands"},
    {".gitmodules", false, false, "submodule update commands, clone sources"},
    {".ripgreprc", false, false, "--pre names a command"},
    {".mcp.json", false, false, "servers that agents start"},
    {".envrc", false, false, "run by direnv on entering the directory"},
    {".claude/settings.json", false, false, "hooks are commands"},
    {".claude/settings.local.json", false, false, "hooks are commands"},
    {".claude/commands", false, false, "prompts that the user runs"},
    {".claude/agents", false, false, "agents that the user runs"},
    {".cursor/mcp.json", false, false, "servers that agents start"},
    {".codex/config.toml", false, false, "servers that agents start"},
    {".gemini/settings.json", false, false, "servers that agents start"},
    {".vscode", false, false, "tasks, launch configurations, settings"},
    {".idea", false, false, "run configurations, file watchers"},
    {".git/hooks", false, false, "run by git on the host"},
    {".git/config", false, true, "fsmonitor, filters and aliases run commands"},
    {".git/config.worktree", false, true, "as .git/config"},
    {".git/commondir", true, false, "points git to another config and hooks"},
    {".git/gitdir", true, false, "points git to another worktree"},
    {".git", true, false, "points git to another repository's config"},
    {"commondir", true, false, "points git to another config and hooks"},
    {"gitdir", true, false, "points git to another worktree"},
};

const size_t policy_protect_count = SRT_ARRAY_LEN(policy_protect_rows);
