namespace AIaaS.Learning.Training;

/// <summary>How far each step goes. A function of the step's number and of what <see cref="State"/> holds, so that a checkpoint resumes exactly.</summary>
internal abstract class LearningRateSchedule
{
    /// <summary>What <see cref="Observe"/> has changed, for a checkpoint.</summary>
    public virtual IReadOnlyDictionary<string, double> State => new Dictionary<string, double>();

    /// <param name="step">From 0.</param>
    public abstract double At(long step);

    /// <summary>Is told the loss on validation rows after each epoch, or that of training where there are none.</summary>
    public virtual void Observe(double loss)
    {
    }

    /// <param name="state">As <see cref="State"/> gave it; empty for the beginning.</param>
    public virtual void Restore(IReadOnlyDictionary<string, double> state)
    {
    }

    public static LearningRateSchedule Constant(double rate) => new ConstantRate(rate);

    /// <summary>
    /// Half a cosine from the rate down to the least one (Loshchilov and Hutter 2017, without restarts): PyTorch's
    /// <c>CosineAnnealingLR</c>.
    /// </summary>
    /// <param name="rate">At step 0.</param>
    /// <param name="steps">When the least rate is reached.</param>
    /// <param name="least">From then on.</param>
    public static LearningRateSchedule Cosine(double rate, long steps, double least = 0) => new CosineRate(rate, steps, least);

    /// <summary>Rises evenly from a share of the rate before another schedule begins: PyTorch's <c>LinearLR</c> before another in a <c>SequentialLR</c>.</summary>
    /// <param name="steps">How many.</param>
    /// <param name="then">Begins with its own step 0 after them.</param>
    /// <param name="share">Of its first rate, at step 0.</param>
    public static LearningRateSchedule WarmUp(long steps, LearningRateSchedule then, double share = 0.01) => new WarmUpRate(steps, then, share);

    /// <summary>Shrinks the rate whenever the loss has not become better for some epochs: PyTorch's <c>ReduceLROnPlateau</c>.</summary>
    /// <param name="rate">At first.</param>
    /// <param name="factor">Times the rate, each time.</param>
    /// <param name="patience">Epochs that may pass without a better loss.</param>
    /// <param name="threshold">Share by which a loss must be lower to count as better.</param>
    public static LearningRateSchedule ReduceOnPlateau(double rate, double factor = 0.1, int patience = 10, double threshold = 1e-4) =>
        new PlateauRate(rate, factor, patience, threshold);

    private sealed class ConstantRate(double rate) : LearningRateSchedule
    {
        public override double At(long step) => rate;
    }

    private sealed class CosineRate(double rate, long steps, double least) : LearningRateSchedule
    {
        public override double At(long step) => least + ((rate - least) * (1 + Math.Cos(Math.PI * Math.Min(step, steps) / steps)) / 2);
    }

    private sealed class WarmUpRate(long steps, LearningRateSchedule then, double share) : LearningRateSchedule
    {
        public override IReadOnlyDictionary<string, double> State => then.State;

        public override double At(long step) => step >= steps ? then.At(step - steps) : then.At(0) * (share + ((1 - share) * step / steps));

        public override void Observe(double loss) => then.Observe(loss);

        public override void Restore(IReadOnlyDictionary<string, double> state) => then.Restore(state);
    }

    private sealed class PlateauRate(double rate, double factor, int patience, double threshold) : LearningRateSchedule
    {
        private const string Share = "share";
        private const string Best = "best-loss";
        private const string Bad = "epochs-without-better";

        private double _share = 1;
        private double _best = double.PositiveInfinity;
        private int _bad;

        public override IReadOnlyDictionary<string, double> State => new Dictionary<string, double> { [Share] = _share, [Best] = _best, [Bad] = _bad };

        public override double At(long step) => rate * _share;

        public override void Observe(double loss)
        {
            if (loss < _best * (1 - threshold))
                (_best, _bad) = (loss, 0);
            else if (++_bad > patience)
                (_share, _bad) = (_share * factor, 0);
        }

        public override void Restore(IReadOnlyDictionary<string, double> state)
        {
            _share = state.GetValueOrDefault(Share, 1);
            _best = state.GetValueOrDefault(Best, double.PositiveInfinity);
            _bad = (int)state.GetValueOrDefault(Bad);
        }
    }
}
