import CKernels
import Compute
import Foundation
import Heads

/// How parameters follow their gradients. Each algorithm does what its PyTorch namesake does.
public struct OptimizerDescription: Codable, Equatable, Sendable {
  public enum Algorithm: String, Codable, CaseIterable, Sendable {
    /// Layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017), as MAE's linear probe has it: trust
    /// coefficient 0.001; parameters of one dimension get neither trust ratio nor weight decay. With Nesterov's momentum
    /// as in timm's `Lars`: the ratio comes first.
    case lars
    /// Stochastic gradient descent (`torch.optim.SGD`).
    case sgd
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019; `torch.optim.AdamW`), epsilon 1e-8.
    case adamw
  }

  public var algorithm: Algorithm
  /// Used by LARS and SGD.
  public var momentum: Float
  /// Whether LARS and SGD look ahead along the momentum (Nesterov 1983, as Sutskever et al. 2013 put it).
  public var nesterov: Bool
  public var weightDecay: Float
  /// What AdamW's moments keep of themselves in a step.
  public var beta1: Double
  public var beta2: Double

  public init(
    _ algorithm: Algorithm, momentum: Float, weightDecay: Float, nesterov: Bool = false, beta1: Double = 0.9,
    beta2: Double = 0.999
  ) {
    self.algorithm = algorithm
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
    self.beta1 = beta1
    self.beta2 = beta2
  }

  enum CodingKeys: String, CodingKey {
    case algorithm, momentum, nesterov, beta1, beta2
    case weightDecay = "weight_decay"
  }

  /// What the first runs did not write has the values that they used.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func beta(_ key: CodingKeys, or value: Double) throws -> Double {
      let beta = try container.decodeIfPresent(Double.self, forKey: key) ?? value
      guard (0..<1).contains(beta) else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: container, debugDescription: "\(beta) is not at least 0 and below 1")
      }
      return beta
    }
    self.init(
      try container.decode(Algorithm.self, forKey: .algorithm),
      momentum: try container.decode(Float.self, forKey: .momentum),
      weightDecay: try container.decode(Float.self, forKey: .weightDecay),
      nesterov: try container.decodeIfPresent(Bool.self, forKey: .nesterov) ?? false,
      beta1: try beta(.beta1, or: 0.9), beta2: try beta(.beta2, or: 0.999))
  }

  /// Makes an optimizer for some parameters, all of its state zero.
  package func makeOptimizer(for parameters: [Parameter]) -> any Optimizer {
    switch algorithm {
    case .lars: MomentumDescent(parameters, self, trustCoefficient: 0.001)
    case .sgd: MomentumDescent(parameters, self)
    case .adamw: AdamW(parameters, self)
    }
  }
}

package protocol Optimizer: Sendable {
  /// What a checkpoint must hold beside the parameters, by name: one array a parameter, of its length.
  var state: [(name: String, values: [SharedBuffer<Float>])] { get }

  /// Moves the parameters against their gradients, which are zero afterwards: they are in the cache then.
  ///
  /// - Parameter step: the number of steps before this one.
  /// - Returns: whether every weight is a finite number afterwards.
  @discardableResult
  func update(learningRate: Float, step: Int, _ parallel: Parallel) -> Bool
}

extension Optimizer {
  /// The same on the calling thread.
  @discardableResult
  package func update(learningRate: Float, step: Int) -> Bool {
    update(learningRate: learningRate, step: step, Parallel(threadCount: 1))
  }
}

/// Parameters cut into pieces of a bounded length, whatever the number of threads.
private struct Pieces: Sendable {
  struct Piece: Sendable {
    /// Of the parameter.
    let index: Int
    let start: Int
    let count: Int
  }

  private static let length = 32768

  private let pieces: [Piece]

  init(_ parameters: [Parameter]) {
    pieces = parameters.enumerated().flatMap { index, parameter in
      stride(from: 0, to: parameter.count, by: Self.length).map {
        Piece(index: index, start: $0, count: min(Self.length, parameter.count - $0))
      }
    }
  }

  /// The results of `body` for each piece, in order.
  func map<Result: Sendable>(
    _ parallel: Parallel, _ body: @Sendable (Piece) -> Result
  ) -> [(piece: Piece, result: Result)] {
    Array(zip(pieces, parallel.map(pieces.count) { body(pieces[$0]) })).map { ($0, $1) }
  }

  func allSatisfy(_ parallel: Parallel, _ body: @Sendable (Piece) -> Bool) -> Bool {
    parallel.map(pieces.count) { body(pieces[$0]) }.allSatisfy { $0 }
  }
}

/// Descent with momentum: SGD, and LARS where there is a trust coefficient. From zero the first step's velocity is the
/// gradient, as PyTorch's is; dampening is not used.
private struct MomentumDescent: Optimizer {
  let parameters: [Parameter]
  let description: OptimizerDescription
  /// What the ratio of the norms of weights and gradient is multiplied by; nil where gradients are taken as they are.
  let trustCoefficient: Float?
  private let velocities: [SharedBuffer<Float>]
  private let pieces: Pieces

  init(_ parameters: [Parameter], _ description: OptimizerDescription, trustCoefficient: Float? = nil) {
    self.parameters = parameters
    self.description = description
    self.trustCoefficient = trustCoefficient
    velocities = parameters.map { SharedBuffer(count: $0.count) }
    pieces = Pieces(parameters)
  }

  var state: [(name: String, values: [SharedBuffer<Float>])] { [("momentum", velocities)] }

  func update(learningRate: Float, step: Int, _ parallel: Parallel) -> Bool {
    let scales = trustCoefficient.map { trustRatios($0, parallel) }
    let steps = parameters.indices.map { index in
      pb_momentum_step(
        learning_rate: learningRate, momentum: description.momentum, weight_decay: weightDecay(index),
        scale: scales?[index] ?? 1, nesterov: description.nesterov ? 1 : 0)
    }
    return pieces.allSatisfy(parallel) { piece in
      let parameter = parameters[piece.index]
      return withUnsafePointer(to: steps[piece.index]) {
        pb_momentum_update(
          parameter.values.pointer + piece.start, velocities[piece.index].pointer + piece.start,
          parameter.gradient.pointer + piece.start, piece.count, $0) != 0
      }
    }
  }

  /// LARS leaves biases alone: parameters of one dimension.
  private func isLeftAlone(_ index: Int) -> Bool {
    trustCoefficient != nil && parameters[index].shape.count < 2
  }

  private func weightDecay(_ index: Int) -> Float { isLeftAlone(index) ? 0 : description.weightDecay }

  /// - Returns: what the gradient of each parameter is to be multiplied by.
  private func trustRatios(_ coefficient: Float, _ parallel: Parallel) -> [Float] {
    let sums = pieces.map(parallel) { piece in
      guard !isLeftAlone(piece.index) else { return (0.0, 0.0) }
      let parameter = parameters[piece.index]
      return withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) { sums in
        pb_sums_of_squares(
          parameter.values.pointer + piece.start, parameter.gradient.pointer + piece.start,
          description.weightDecay, piece.count, sums.baseAddress!)
        return (sums[0], sums[1])
      }
    }
    var squares = [(weights: Double, gradient: Double)](repeating: (0, 0), count: parameters.count)
    for (piece, sums) in sums {
      squares[piece.index].weights += sums.0
      squares[piece.index].gradient += sums.1
    }
    return squares.map { squares in
      let (weights, gradient) = (Float(squares.weights.squareRoot()), Float(squares.gradient.squareRoot()))
      return weights > 0 && gradient > 0 ? coefficient * weights / gradient : 1
    }
  }
}

private struct AdamW: Optimizer {
  private static let epsilon: Float = 1e-8

  let parameters: [Parameter]
  let description: OptimizerDescription
  private let firstMoments: [SharedBuffer<Float>]
  private let secondMoments: [SharedBuffer<Float>]
  private let pieces: Pieces

  init(_ parameters: [Parameter], _ description: OptimizerDescription) {
    self.parameters = parameters
    self.description = description
    firstMoments = parameters.map { SharedBuffer(count: $0.count) }
    secondMoments = parameters.map { SharedBuffer(count: $0.count) }
    pieces = Pieces(parameters)
  }

  var state: [(name: String, values: [SharedBuffer<Float>])] {
    [("first_moment", firstMoments), ("second_moment", secondMoments)]
  }

  func update(learningRate: Float, step: Int, _ parallel: Parallel) -> Bool {
    let steps = Double(step + 1)
    let (beta1, beta2) = (description.beta1, description.beta2)
    let step = pb_adamw_step(
      beta1: Float(beta1), beta2: Float(beta2), epsilon: Self.epsilon,
      decay: 1 - learningRate * description.weightDecay,
      step_size: Float(Double(learningRate) / (1 - pow(beta1, steps))),
      second_scale: Float(1 / (1 - pow(beta2, steps)).squareRoot()))
    return pieces.allSatisfy(parallel) { piece in
      let parameter = parameters[piece.index]
      return withUnsafePointer(to: step) {
        pb_adamw_update(
          parameter.values.pointer + piece.start, firstMoments[piece.index].pointer + piece.start,
          secondMoments[piece.index].pointer + piece.start, parameter.gradient.pointer + piece.start,
          piece.count, $0) != 0
      }
    }
  }
}
