import ArgumentParser
import Commands

struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Runs a frozen Vision Transformer once over a data set and keeps its tokens in a cache.",
    discussion: """
      Every option also takes the seed's spelling with underscores, as in --data_path. Results go to stdout, progress \
      and diagnostics to stderr. Exit status: 0 done, 1 bad data, 64 wrong use, 130 stopped by Ctrl-C.
      """,
    version: Program.version,
    subcommands: [
      TokensCommand.self, StatsCommand.self, InspectCommand.self, ExploreCommand.self, VerifyCommand.self,
      ModelsCommand.self, AuditCommand.self, ConvertCommand.self,
    ],
    defaultSubcommand: TokensCommand.self)
}

Program.run(Extract.self)
