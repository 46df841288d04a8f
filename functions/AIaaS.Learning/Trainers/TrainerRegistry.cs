namespace AIaaS.Learning.Trainers;

/// <summary>All trainers of this library, in the order in which a sweep tries them.</summary>
internal static class TrainerRegistry
{
    public static IReadOnlyList<ITrainer> Create(TimeProvider timeProvider) => [new LinearTrainer(timeProvider), new NeuralNetworkTrainer(timeProvider)];
}
