namespace AIaaS.Learning.Trainers;

/// <summary>All trainers of this library, in the order in which a sweep tries them.</summary>
internal static class TrainerRegistry
{
    /// <summary>Those that a pipeline tries where it names none.</summary>
    public static IReadOnlyList<string> Usual { get; } = ["linear", "gradient-boosting", "neural-network"];

    public static IReadOnlyList<ITrainer> Create(TimeProvider timeProvider) =>
    [
        new LinearTrainer(timeProvider),
        new GradientBoostingTrainer(timeProvider),
        new NeuralNetworkTrainer(timeProvider),
        new RandomForestTrainer(timeProvider),
        new DecisionTreeTrainer(timeProvider),
        new LinearSvmTrainer(timeProvider),
    ];
}
