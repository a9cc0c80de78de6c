import ArgumentParser
import Commands

struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Trains and measures probe heads on token caches.",
    discussion: """
      Every option also takes the seed's spelling with underscores, as in --cls_features. Results go to stdout, \
      progress and diagnostics to stderr. Exit status: 0 done, 1 bad data, 64 wrong use, 130 stopped by Ctrl-C.
      """,
    version: Program.version,
    subcommands: [
      TrainCommand.self, SweepCommand.self, EvalCommand.self, MapsCommand.self, ReportCommand.self,
      NearestNeighboursCommand.self, RidgeCommand.self, LogisticCommand.self,
    ],
    defaultSubcommand: TrainCommand.self)
}

Program.run(Probe.self)
