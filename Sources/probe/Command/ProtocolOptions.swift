import ArgumentParser
import Compute
import Heads
import Reading
import Training

extension OptimizerDescription.Algorithm: ExpressibleByArgument {}
extension MatrixProducts: ExpressibleByArgument {}

/// How the head is trained: the seed's protocol, its defaults included.
struct ProtocolOptions: ParsableArguments {
  @Option(help: "Passes over the training images.")
  var epochs = 90

  @Option(help: "Images of one forward pass; batch norm sees these.")
  var batchSize = 512

  @Option(name: .customLong("accum-iter"), help: "Batches whose gradients are added up before a step.")
  var accumulation = 1

  @Option(help: "How the weights follow their gradients.")
  var optimizer: OptimizerDescription.Algorithm = .lars

  @Option(
    name: .customLong("blr"), help: "Base learning rate: the learning rate for 256 images a step.")
  var baseLearningRate = 0.1

  @Option(name: .customLong("lr"), help: "Learning rate; overrides --blr.")
  var learningRate: Double?

  @Option(name: .customLong("min-lr"), help: "Learning rate at the end of the cosine.")
  var minimumLearningRate = 0.0

  @Option(help: "Epochs over which the learning rate rises from 0.")
  var warmupEpochs = 10

  @Option(help: "Weight decay.")
  var weightDecay: Float = 0

  @Option(help: "Momentum of LARS (default 0.9) and SGD (default 0, as the seed has it).")
  var momentum: Float?

  @Flag(help: "Look ahead along the momentum of LARS or SGD.")
  var nesterov = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("What AdamW's two moments keep of themselves in a step.", valueName: "beta"))
  var betas = [0.9, 0.999]

  @Option(help: "Share of the target that goes to all classes evenly.")
  var labelSmoothing: Float = 0

  @Option(
    help:
      "Type that the head's matrix products multiply: bfloat16, with sums in float32, or none, which is float32."
  )
  var amp: MatrixProducts = .float32

  @Option(help: "Decides the initial weights.")
  var seed: UInt64 = 0

  @Option(help: "Decides the order of the images in every epoch.")
  var orderSeed: UInt64 = 0

  func validate() throws {
    for (name, value) in [("--epochs", epochs), ("--batch-size", batchSize), ("--accum-iter", accumulation)]
    where !(1...65536).contains(value) {
      throw ValidationError("\(name) must be 1 to 65536, not \(value).")
    }
    guard batchSize >= 2 else {
      throw ValidationError("--batch-size must be at least 2, as batch norm needs more than one image.")
    }
    guard labelSmoothing >= 0 && labelSmoothing < 1 else {
      throw ValidationError("--label-smoothing must be at least 0 and less than 1, not \(labelSmoothing).")
    }
    guard warmupEpochs >= 0 else { throw ValidationError("--warmup-epochs must not be negative.") }
    for (name, value) in [
      ("--blr", baseLearningRate), ("--lr", learningRate ?? 0), ("--min-lr", minimumLearningRate),
      ("--weight-decay", Double(weightDecay)), ("--momentum", Double(momentum ?? 0)),
    ] where !(value >= 0 && value.isFinite) {
      throw ValidationError("\(name) must be a number of at least 0, not \(value).")
    }
    guard betas.count == 2, betas.allSatisfy({ (0..<1).contains($0) }) else {
      let given = betas.map { "\($0)" }.joined(separator: " ")
      throw ValidationError("--betas must be two numbers of at least 0 and below 1, not \(given).")
    }
    if nesterov && (optimizer == .adamw || !(momentumOrDefault > 0)) {
      throw ValidationError("--nesterov needs --optimizer lars or sgd with a --momentum above 0.")
    }
  }

  private var momentumOrDefault: Float { momentum ?? (optimizer == .lars ? 0.9 : 0) }

  func configuration(head: HeadDescription, data: DataSelection) -> TrainingConfiguration {
    let peak =
      learningRate
      ?? TrainingConfiguration.learningRate(
        base: baseLearningRate, batchSize: batchSize, accumulation: accumulation)
    return TrainingConfiguration(
      head: head,
      optimizer: OptimizerDescription(
        optimizer, momentum: momentumOrDefault, weightDecay: weightDecay, nesterov: nesterov, beta1: betas[0],
        beta2: betas[1]),
      loss: LossDescription(labelSmoothing: labelSmoothing),
      schedule: LearningRateSchedule(
        peak: peak, minimum: minimumLearningRate, warmupEpochs: Double(warmupEpochs), epochs: Double(epochs)),
      epochs: epochs, batchSize: batchSize, accumulation: accumulation, products: amp, seed: seed,
      orderSeed: orderSeed, data: data)
  }
}
