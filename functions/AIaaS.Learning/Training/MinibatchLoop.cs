using System.Globalization;

namespace AIaaS.Learning.Training;

/// <summary>A training in minibatches.</summary>
internal sealed record MinibatchTraining
{
    /// <summary>A step whose data inputs are <see cref="Inputs"/> and the rate.</summary>
    public required TrainingSession Session { get; init; }

    public required IReadOnlyList<MinibatchInput> Inputs { get; init; }

    public required Minibatches Batches { get; init; }

    public required int Epochs { get; init; }

    public required LearningRateSchedule Schedule { get; init; }

    /// <summary>The states that make up a model, to be kept where they are best.</summary>
    public required IReadOnlyList<string> Kept { get; init; }

    /// <summary>The loss on validation rows with the present states; null trains to the end.</summary>
    public Func<double>? Validate { get; init; }

    /// <summary>Ends after so many epochs without a better loss on validation rows.</summary>
    public int Patience { get; init; } = int.MaxValue;

    /// <summary>Is told epochs done and the loss on validation rows; false ends the training.</summary>
    public Func<int, double, bool>? OnEvaluation { get; init; }

    /// <summary>Is told percent, epochs done, and the mean loss of the epoch so far.</summary>
    public Action<double, int, double>? Report { get; init; }

    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan ReportEvery { get; init; } = TimeSpan.FromMilliseconds(500);
}

/// <param name="States">Of <see cref="MinibatchTraining.Kept"/>: the best, or the last where there were no validation rows.</param>
/// <param name="BestEpoch">When they were reached, from 1.</param>
/// <param name="BestLoss">On validation rows; NaN without.</param>
/// <param name="Epochs">Epochs done.</param>
/// <param name="Restarts">How often the training began anew with a tenth of the rate, since it had diverged.</param>
internal sealed record MinibatchResult(IReadOnlyDictionary<string, float[]> States, int BestEpoch, double BestLoss, int Epochs, int Restarts);

/// <summary>
/// Repeats a training step on one batch after the other. Everything it depends on is a function of the seed and the step, or in
/// the checkpoint: a training that was killed resumes to the same result.
/// </summary>
internal sealed class MinibatchLoop(TimeProvider timeProvider, CheckpointStore checkpoints)
{
    /// <summary>How often a diverged training begins anew.</summary>
    public const int MostRestarts = 2;

    private const double RestartFactor = 0.1;
    private const string BestPrefix = "best:";
    private const string SchedulePrefix = "schedule:";

    /// <exception cref="TrainingException">The loss is not a number any more, whatever the rate.</exception>
    /// <exception cref="OperationCanceledException">Left after a checkpoint.</exception>
    public MinibatchResult Run(MinibatchTraining training, CancellationToken cancellationToken)
    {
        var (session, batches, schedule) = (training.Session, training.Batches, training.Schedule);
        var steps = batches.StepsOf(training.Epochs);
        var progress = Restore(training) ?? Begin(training, new());
        var rows = new int[batches.Size];
        var saved = timeProvider.GetTimestamp();
        var reported = saved;
        while (!progress.Ended && progress.Epoch < training.Epochs)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                Save(training, progress);
                cancellationToken.ThrowIfCancellationRequested();
            }

            batches.Read(progress.Step, rows);
            foreach (var input in training.Inputs)
                input.Write(rows, progress.Step, session.Rewrite(input.Name));
            session.Rewrite(TrainingStep.LearningRateInput)[0] = (float)(schedule.At(progress.Step) * Math.Pow(RestartFactor, progress.Restarts));
            var loss = session.Step().Loss;
            progress.StepsInAll++;
            progress.Step++;
            progress.EpochSteps++;
            progress.EpochLoss += loss;

            var diverged = !float.IsFinite(loss);
            if (!diverged && progress.Step == batches.StepsOf(progress.Epoch + 1))
                diverged = !EndEpoch(training, progress);
            if (diverged)
                progress = BeginAnew(training, progress);

            if (timeProvider.GetElapsedTime(saved) >= training.CheckpointEvery)
            {
                Save(training, progress);
                saved = timeProvider.GetTimestamp();
            }

            if (training.Report is { } report && timeProvider.GetElapsedTime(reported) >= training.ReportEvery)
            {
                report(100.0 * progress.Step / steps, progress.Epoch, progress.EpochSteps > 0 ? progress.EpochLoss / progress.EpochSteps : progress.LastLoss);
                reported = timeProvider.GetTimestamp();
            }
        }

        return new(progress.Best ?? Keep(training), progress.BestEpoch > 0 ? progress.BestEpoch : progress.Epoch, progress.BestLoss, progress.Epoch, progress.Restarts);
    }

    /// <returns>False where the weights are of no use any more.</returns>
    private static bool EndEpoch(MinibatchTraining training, Progress progress)
    {
        progress.Epoch++;
        progress.LastLoss = progress.EpochLoss / progress.EpochSteps;
        (progress.EpochLoss, progress.EpochSteps) = (0, 0);
        if (training.Validate is null)
        {
            training.Schedule.Observe(progress.LastLoss);
            return true;
        }

        var loss = training.Validate();
        if (!double.IsFinite(loss))
            return false;
        training.Schedule.Observe(loss);
        if (!(loss >= progress.BestLoss))
            (progress.Best, progress.BestLoss, progress.BestEpoch) = (Keep(training), loss, progress.Epoch);
        progress.Ended = training.OnEvaluation?.Invoke(progress.Epoch, loss) == false || progress.Epoch - progress.BestEpoch >= training.Patience;
        return true;
    }

    private static Dictionary<string, float[]> Keep(MinibatchTraining training)
    {
        var all = training.Session.ReadAll();
        return training.Kept.ToDictionary(name => name, name => all[name]);
    }

    private static Progress Begin(MinibatchTraining training, Progress progress)
    {
        training.Session.Reset();
        training.Schedule.Restore(new Dictionary<string, double>());
        return progress;
    }

    private static Progress BeginAnew(MinibatchTraining training, Progress progress) =>
        progress.Restarts < MostRestarts
            ? Begin(training, new() { StepsInAll = progress.StepsInAll, Restarts = progress.Restarts + 1 })
            : throw new TrainingException("Training diverged", string.Create(
                CultureInfo.InvariantCulture,
                $"The loss was no number after {progress.Step} steps, even with {Math.Pow(RestartFactor, MostRestarts):G2} of the learning rate. Look for extreme values in the features or the target, or lower the learning rate."));

    private void Save(MinibatchTraining training, Progress progress)
    {
        var states = training.Session.ReadAll();
        foreach (var (name, elements) in progress.Best ?? [])
            states.Add(BestPrefix + name, elements);
        var numbers = new Dictionary<string, double>
        {
            [nameof(progress.Step)] = progress.Step,
            [nameof(progress.Epoch)] = progress.Epoch,
            [nameof(progress.EpochLoss)] = progress.EpochLoss,
            [nameof(progress.EpochSteps)] = progress.EpochSteps,
            [nameof(progress.LastLoss)] = progress.LastLoss,
            [nameof(progress.BestLoss)] = progress.BestLoss,
            [nameof(progress.BestEpoch)] = progress.BestEpoch,
            [nameof(progress.Restarts)] = progress.Restarts,
            [nameof(progress.Ended)] = progress.Ended ? 1 : 0,
        };
        foreach (var (name, number) in training.Schedule.State)
            numbers.Add(SchedulePrefix + name, number);
        checkpoints.Save(new(progress.StepsInAll, states, numbers));
    }

    private Progress? Restore(MinibatchTraining training)
    {
        if (checkpoints.Load() is not { } checkpoint)
            return null;

        training.Session.Write(checkpoint.States.Where(s => !s.Key.StartsWith(BestPrefix, StringComparison.Ordinal)).ToDictionary());
        training.Schedule.Restore(WithPrefix(checkpoint.Numbers, SchedulePrefix));
        var best = WithPrefix(checkpoint.States, BestPrefix);
        var numbers = checkpoint.Numbers;
        return new()
        {
            StepsInAll = checkpoint.Step,
            Step = (long)numbers[nameof(Progress.Step)],
            Epoch = (int)numbers[nameof(Progress.Epoch)],
            EpochLoss = numbers[nameof(Progress.EpochLoss)],
            EpochSteps = (long)numbers[nameof(Progress.EpochSteps)],
            LastLoss = numbers[nameof(Progress.LastLoss)],
            BestLoss = numbers[nameof(Progress.BestLoss)],
            BestEpoch = (int)numbers[nameof(Progress.BestEpoch)],
            Restarts = (int)numbers[nameof(Progress.Restarts)],
            Ended = numbers[nameof(Progress.Ended)] != 0,
            Best = best.Count > 0 ? best : null,
        };
    }

    private static Dictionary<string, T> WithPrefix<T>(IReadOnlyDictionary<string, T> values, string prefix) =>
        values.Where(v => v.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(v => v.Key[prefix.Length..], v => v.Value);

    /// <summary>Where a training is.</summary>
    private sealed class Progress
    {
        /// <summary>Those before a restart included; checkpoints are in its order.</summary>
        public long StepsInAll { get; set; }

        /// <summary>Steps since the beginning, or the last restart.</summary>
        public long Step { get; set; }

        /// <summary>Epochs done.</summary>
        public int Epoch { get; set; }

        /// <summary>Sum of the losses of the epoch so far.</summary>
        public double EpochLoss { get; set; }

        public long EpochSteps { get; set; }

        /// <summary>Mean of the last whole epoch.</summary>
        public double LastLoss { get; set; } = double.NaN;

        /// <summary>On validation rows.</summary>
        public double BestLoss { get; set; } = double.NaN;

        public int BestEpoch { get; set; }

        public Dictionary<string, float[]>? Best { get; set; }

        public int Restarts { get; set; }

        public bool Ended { get; set; }
    }
}
