using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Learning.Tests.Training;

public sealed class MinibatchLoopTests : IDisposable
{
    private const int Rows = 50;
    private const int Epochs = 12;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_epoch_sees_every_row_once_in_another_order()
    {
        var batches = new Minibatches(Rows, 8, seed: 1);
        var rows = new int[batches.StepsOf(2) * 8];
        for (var step = 0; step < rows.Length / 8; step++)
            batches.Read(step, rows.AsSpan(step * 8, 8));

        Assert.Equal(Enumerable.Range(0, Rows), rows[..Rows].Order());
        Assert.Equal(Enumerable.Range(0, Rows), rows[Rows..(2 * Rows)].Order());
        Assert.NotEqual(rows[..Rows], rows[Rows..(2 * Rows)]);
    }

    [Theory]
    [InlineData(8, 1, 7)]
    [InlineData(8, 4, 25)]
    [InlineData(25, 3, 6)]
    [InlineData(100, 3, 3)]
    public void An_epoch_ends_with_the_step_that_sees_its_last_row(int size, int epochs, long steps) =>
        Assert.Equal(steps, new Minibatches(Rows, size, seed: 1).StepsOf(epochs));

    [Fact]
    public void A_batch_can_be_had_alone()
    {
        var inOrder = new Minibatches(Rows, 8, seed: 1);
        var (expected, actual) = (new int[8], new int[8]);
        for (var step = 0; step <= 40; step++)
            inOrder.Read(step, expected);
        new Minibatches(Rows, 8, seed: 1).Read(40, actual);

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_dropout_mask_drops_its_share_and_keeps_the_mean()
    {
        var mask = Mask(rate: 0.3, seed: 1, step: 0);

        Assert.InRange(mask.Count(m => m == 0) / (double)mask.Length, 0.29, 0.31);
        Assert.Equal(1, mask.Average(), 0.02);
        Assert.Equal(2, mask.Distinct().Count());
    }

    [Fact]
    public void A_dropout_mask_is_a_function_of_seed_and_step()
    {
        Assert.Equal(Mask(0.5, 1, 7), Mask(0.5, 1, 7));
        Assert.NotEqual(Mask(0.5, 1, 7), Mask(0.5, 1, 8));
        Assert.NotEqual(Mask(0.5, 1, 7), Mask(0.5, 2, 7));
    }

    [Fact]
    public void Batches_learn_what_the_whole_data_says()
    {
        var result = Train(new Problem());

        // The data is y = 3 x - 2 exactly.
        Assert.Equal(3, result.States["slope"].Single(), 0.01);
        Assert.Equal(-2, result.States["offset"].Single(), 0.01);
        Assert.Equal(Epochs, result.Epochs);
    }

    [Fact]
    public void A_killed_training_resumes_to_the_same_weights_bit_for_bit()
    {
        var whole = Train(new Problem { Folder = "whole" });
        for (var killedAt = 5; killedAt < 60; killedAt += 18)
            Assert.Throws<KilledException>(() => Train(new Problem { KillAtStep = killedAt }));

        AssertSame(whole, Train(new Problem()));
    }

    [Fact]
    public void A_killed_training_with_a_plateau_resumes_with_its_rate()
    {
        static LearningRateSchedule Plateau() => LearningRateSchedule.ReduceOnPlateau(0.2, 0.5, 0, 0.9);
        var whole = Train(new Problem { Folder = "whole", Schedule = Plateau() });
        Assert.Throws<KilledException>(() => Train(new Problem { Schedule = Plateau(), KillAtStep = 40 }));

        AssertSame(whole, Train(new Problem { Schedule = Plateau() }));
    }

    [Fact]
    public void A_corrupt_checkpoint_gives_way_to_the_one_before()
    {
        var whole = Train(new Problem { Folder = "whole" });
        Assert.Throws<KilledException>(() => Train(new Problem { KillAtStep = 40 }));
        var latest = Directory.GetFiles(_folder["checkpoints"]).Max()!;
        var bytes = File.ReadAllBytes(latest);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(latest, bytes);
        var steps = 0;

        AssertSame(whole, Train(new Problem { OnStep = _ => steps++ }));
        // The last checkpoint was saved after 40 steps, the one before it after 39.
        Assert.Equal(new Minibatches(Rows, 8, 1).StepsOf(Epochs) - 39, steps);
    }

    [Fact]
    public void A_cancelled_training_leaves_a_checkpoint_and_resumes_to_the_same_weights()
    {
        var whole = Train(new Problem { Folder = "whole" });
        using var cancellation = new CancellationTokenSource();
        var problem = new Problem
        {
            OnStep = step =>
            {
                if (step == 30)
                    cancellation.Cancel();
            },
        };

        Assert.ThrowsAny<OperationCanceledException>(() => Train(problem, cancellation.Token));
        Assert.EndsWith("-0000000031.checkpoint", Directory.GetFiles(_folder["checkpoints"]).Single(), StringComparison.Ordinal);
        AssertSame(whole, Train(new Problem()));
    }

    [Fact]
    public void The_best_epoch_s_weights_are_kept_and_patience_ends_the_training()
    {
        var losses = new[] { 5.0, 3, 4, 2, 2.5, 2, 3, 1 };
        var slopes = new List<float>();

        var result = Train(new Problem { Validate = (epoch, slope) => { slopes.Add(slope); return losses[epoch]; }, Patience = 3 });

        Assert.Equal((4, 2.0, 7), (result.BestEpoch, result.BestLoss, result.Epochs));
        Assert.Equal(slopes[3], result.States["slope"].Single());
    }

    [Fact]
    public void A_training_killed_after_its_best_epoch_still_gives_that()
    {
        static double Loss(int epoch, float slope) => Math.Abs(epoch - 2);
        var whole = Train(new Problem { Folder = "whole", Validate = Loss });
        Assert.Throws<KilledException>(() => Train(new Problem { Validate = Loss, KillAtStep = 60 }));

        var resumed = Train(new Problem { Validate = Loss });

        AssertSame(whole, resumed);
        Assert.Equal(3, resumed.BestEpoch);
    }

    [Fact]
    public void An_evaluation_can_end_the_training()
    {
        var told = new List<(int, double)>();

        var result = Train(new Problem { Validate = (epoch, _) => 10 - epoch, OnEvaluation = (epoch, loss) => { told.Add((epoch, loss)); return epoch < 3; } });

        Assert.Equal([(1, 10.0), (2, 9.0), (3, 8.0)], told);
        Assert.Equal(3, result.Epochs);
    }

    [Fact]
    public void A_diverged_training_begins_anew_with_a_tenth_of_the_rate()
    {
        var result = Train(new Problem { Schedule = LearningRateSchedule.Constant(3) });

        Assert.Equal(1, result.Restarts);
        Assert.Equal(3, result.States["slope"].Single(), 0.01);
    }

    [Fact]
    public void A_diverged_training_that_is_killed_after_its_restart_resumes_to_the_same_weights()
    {
        static LearningRateSchedule TooHigh() => LearningRateSchedule.Constant(3);
        var whole = Train(new Problem { Folder = "whole", Schedule = TooHigh() });
        var steps = 0;
        Assert.Throws<KilledException>(() => Train(new Problem { Schedule = TooHigh(), SavesAlways = true, OnStep = step => KillWhen(step == 5 && steps++ == 1) }));

        AssertSame(whole, Train(new Problem { Schedule = TooHigh() }));

        static void KillWhen(bool now)
        {
            if (now)
                throw new KilledException();
        }
    }

    [Fact]
    public void A_training_that_diverges_whatever_the_rate_says_so()
    {
        var refusal = Assert.Throws<TrainingException>(() => Train(new Problem { Schedule = LearningRateSchedule.Constant(1e30) }));

        Assert.Equal("Training diverged", refusal.Title);
        Assert.Contains("learning rate", refusal.Message, StringComparison.Ordinal);
    }

    private static float[] Mask(double rate, long seed, long step)
    {
        var mask = new float[20_001];
        MinibatchInput.Dropout("mask", mask.Length, rate, seed).Write([0], step, mask);
        return mask;
    }

    private static void AssertSame(MinibatchResult expected, MinibatchResult actual)
    {
        Assert.Equal((expected.BestEpoch, expected.BestLoss, expected.Epochs, expected.Restarts), (actual.BestEpoch, actual.BestLoss, actual.Epochs, actual.Restarts));
        Assert.All(expected.States, state => Assert.Equal(state.Value, actual.States[state.Key]));
    }

    private MinibatchResult Train(Problem problem, CancellationToken cancellationToken = default)
    {
        var batches = new Minibatches(Rows, 8, seed: 1);
        var step = new TrainingStep("line");
        var x = step.Data("x", [batches.Size]);
        var mask = step.Data("mask", [batches.Size, 1]).Reshape([batches.Size]);
        var error = (x * step.Parameter("slope", [0.5f], 1) + step.Parameter("offset", [0f], 1) - step.Data("y", [batches.Size])) * mask;
        step.Minimize((error * error).ReduceMean(), new GradientDescent { Momentum = 0.5 });

        var xs = Enumerable.Range(0, Rows).Select(row => (float)TableBuilder.Wave(row, 0)).ToArray();
        MinibatchInput[] inputs =
        [
            MinibatchInput.Rows("x", xs),
            MinibatchInput.Rows("y", Array.ConvertAll(xs, v => (3 * v) - 2)),
            MinibatchInput.Dropout("mask", 1, 0.2, seed: 1),
            new("watch", [], (_, at, _) => problem.OnStep(at)),
        ];
        step.Data("watch", [batches.Size]);
        var data = inputs.ToDictionary(i => i.Name, i => (new float[batches.Size], (long[])[batches.Size, .. i.RowDimensions]));
        data.Add(TrainingStep.LearningRateInput, (new float[1], []));
        using var session = new TrainingSession(step, data, threads: 1);
        var epoch = 0;
        return new MinibatchLoop(TimeProvider.System, new CheckpointStore(_folder[problem.Folder], "line", "0")).Run(
            new MinibatchTraining
            {
                Session = session,
                Inputs = inputs,
                Batches = batches,
                Epochs = Epochs,
                Schedule = problem.Schedule,
                Kept = ["slope", "offset"],
                Validate = problem.Validate is { } validate ? () => validate(epoch, session.Read("slope")[0]) : null,
                Patience = problem.Patience,
                OnEvaluation = (done, loss) =>
                {
                    epoch = done;
                    return problem.OnEvaluation?.Invoke(done, loss) ?? true;
                },
                CheckpointEvery = problem.SavesAlways || problem.KillAtStep is not null ? TimeSpan.Zero : TimeSpan.FromHours(1),
            },
            cancellationToken);
    }

    private sealed class KilledException : Exception;

    private sealed record Problem
    {
        public string Folder { get; init; } = "checkpoints";

        public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.WarmUp(10, LearningRateSchedule.Cosine(0.2, 1000));

        /// <summary>From epochs done before, and the slope, to a loss.</summary>
        public Func<int, float, double>? Validate { get; init; }

        public Func<int, double, bool>? OnEvaluation { get; init; }

        public int Patience { get; init; } = int.MaxValue;

        public long? KillAtStep { get; init; }

        public bool SavesAlways { get; init; }

        /// <summary>Is told each step before it is taken.</summary>
        public Action<long> OnStep
        {
            get => step =>
            {
                if (step == KillAtStep)
                    throw new KilledException();
                field(step);
            };
            init;
        } = _ => { };
    }
}
