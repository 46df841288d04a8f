namespace AIaaS.Learning.Training;

/// <summary>When a training over the whole data ends, and how often it is saved.</summary>
internal sealed record ConvergenceOptions
{
    /// <summary>Converged when no element of any gradient is larger.</summary>
    public double Tolerance { get; init; } = 1e-6;

    public int MaximumSteps { get; init; } = 20_000;

    /// <summary>Ends as well when the gradient has not shrunk by a tenth in so many steps: single precision allows no more.</summary>
    public int Patience { get; init; } = 500;

    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan ReportEvery { get; init; } = TimeSpan.FromMilliseconds(500);
}

/// <param name="Steps">Steps done in all, those before a resumption included.</param>
/// <param name="Last">Of the last step.</param>
/// <param name="Converged">Whether the tolerance was reached.</param>
internal sealed record ConvergenceResult(long Steps, StepResult Last, bool Converged);

/// <summary>Repeats a training step until it has converged; resumes where a checkpoint left off, with the same result.</summary>
internal sealed class ConvergenceLoop(TimeProvider timeProvider, CheckpointStore checkpoints, ConvergenceOptions options)
{
    private const string Best = "best";
    private const string BestStep = "best-step";
    private const string First = "first";
    private const string LastLoss = "last-loss";
    private const string LastNorm = "last-norm";

    /// <param name="session">Its states are overwritten when a checkpoint is found.</param>
    /// <param name="report">Is told percent and state now and then.</param>
    /// <param name="cancellationToken">Saves a checkpoint before it leaves.</param>
    /// <exception cref="TrainingException">The loss is not a number any more.</exception>
    public ConvergenceResult Run(ITrainingState session, Action<double, StepResult>? report, CancellationToken cancellationToken)
    {
        long step = 0, bestStep = 0;
        double best = double.PositiveInfinity, first = double.NaN;
        StepResult last = default;
        if (checkpoints.Load() is { } checkpoint)
        {
            session.Write(checkpoint.States);
            step = checkpoint.Step;
            best = checkpoint.Numbers[Best];
            bestStep = (long)checkpoint.Numbers[BestStep];
            first = checkpoint.Numbers[First];
            last = new((float)checkpoint.Numbers[LastLoss], (float)checkpoint.Numbers[LastNorm]);
        }

        var saved = timeProvider.GetTimestamp();
        var reported = saved;
        while (step < options.MaximumSteps && !HasEnded())
        {
            if (cancellationToken.IsCancellationRequested)
            {
                Save();
                cancellationToken.ThrowIfCancellationRequested();
            }

            last = session.Step();
            step++;
            if (!float.IsFinite(last.Loss) || !float.IsFinite(last.GradientNorm))
            {
                throw new TrainingException(
                    "Training diverged",
                    $"The loss became {last.Loss} after {step} steps. Look for extreme values in the features.");
            }

            if (step == 1)
                first = last.GradientNorm;
            if (last.GradientNorm < best * 0.9)
                (best, bestStep) = (last.GradientNorm, step);

            if (timeProvider.GetElapsedTime(saved) >= options.CheckpointEvery)
            {
                Save();
                saved = timeProvider.GetTimestamp();
            }

            if (report is not null && timeProvider.GetElapsedTime(reported) >= options.ReportEvery)
            {
                report(Percent(), last);
                reported = timeProvider.GetTimestamp();
            }
        }

        return new(step, last, last.GradientNorm <= options.Tolerance);

        bool HasEnded() => step > 0 && (last.GradientNorm <= options.Tolerance || step - bestStep >= options.Patience);

        // The gradient shrinks geometrically, so its logarithm goes evenly from the first value to the tolerance.
        double Percent() => first <= options.Tolerance ? 100 : 100 * Math.Clamp(Math.Log(first / best) / Math.Log(first / options.Tolerance), 0, 1);

        void Save() => checkpoints.Save(new(step, session.ReadAll(), new Dictionary<string, double>
        {
            [Best] = best,
            [BestStep] = bestStep,
            [First] = first,
            [LastLoss] = last.Loss,
            [LastNorm] = last.GradientNorm,
        }));
    }
}
