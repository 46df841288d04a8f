using System.Globalization;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Training;

/// <summary>The target of a run: how to split by it, train on it and judge against it. Another task's is another file.</summary>
internal abstract class TrainingTarget
{
    /// <summary>Rows that have a value.</summary>
    public abstract int[] KnownRows { get; }

    /// <summary>What a split must keep in proportion: the class of each row.</summary>
    public abstract IReadOnlyList<int> Groups { get; }

    /// <summary>The classes; null for a regression.</summary>
    public virtual ClassLabels? Labels => null;

    /// <summary>The true numbers of some rows, for a regression.</summary>
    public virtual double[] Numbers(int[] rows) => throw new InvalidOperationException("Classes are no numbers.");

    /// <exception cref="TrainingException">The target does not suit the task.</exception>
    public static TrainingTarget Of(TargetColumn column, LearningTask task) => (column, task) switch
    {
        (ClassTargetColumn classes, LearningTask.Classification) => new ClassTrainingTarget(classes),
        (NumberTargetColumn numbers, LearningTask.Regression) => new NumberTrainingTarget(numbers),
        (_, LearningTask.Regression) => throw new TrainingException(
            "The target is not a number",
            $"'{column.Name}' is a column of kind {column.Kind}; a regression predicts numbers. Choose another target, or the task classification."),
        _ => throw new TrainingException("The task is not supported", $"The task {task} cannot be trained on a table."),
    };

    /// <exception cref="TrainingException">Too few or too many different values.</exception>
    public abstract TrainingTarget Select(int[] rows);

    /// <param name="training">The rows that are trained on.</param>
    /// <exception cref="TrainingException">They are all the same, though others are not.</exception>
    public abstract void CheckTraining(int[] training);

    public abstract TrainerTarget ForTrainer(int[] rows);

    /// <param name="rows">The holdout rows.</param>
    /// <param name="output">The model's probabilities or values for them.</param>
    /// <returns>Metrics, and a confusion matrix for classes.</returns>
    public abstract (IReadOnlyDictionary<string, double> Metrics, IReadOnlyList<IReadOnlyList<long>>? Confusion) Judge(int[] rows, float[] output);

    private sealed class ClassTrainingTarget : TrainingTarget
    {
        private readonly ClassTargetColumn _column;
        private readonly int[] _classes;

        public ClassTrainingTarget(ClassTargetColumn column)
        {
            _column = column;
            Labels = ClassLabels.Of(column);
            _classes = [.. column.Values.Select(v => string.IsNullOrEmpty(v) ? -1 : Labels.IndexOf(v))];
        }

        public override ClassLabels Labels { get; }

        public override int[] KnownRows => [.. Enumerable.Range(0, _classes.Length).Where(row => _classes[row] >= 0)];

        public override IReadOnlyList<int> Groups => _classes;

        public override TrainingTarget Select(int[] rows)
        {
            if (Labels.Count < 2)
            {
                throw new TrainingException(
                    "The target has one class",
                    $"'{_column.Name}' is '{Labels.Texts[0]}' in every row; a classification needs at least two different values.");
            }

            if (Labels.Count > rows.Length / 2)
            {
                throw new TrainingException("The target has too many classes", string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{_column.Name}' has {Labels.Count} different values in {rows.Length} rows, too many to learn as classes. Choose another target, or the task regression."));
            }

            return rows.Length == _column.Rows
                ? this
                : new ClassTrainingTarget(new ClassTargetColumn(_column.Name, _column.Kind, [.. rows.Select(row => _column.Values[row])]));
        }

        public override void CheckTraining(int[] training)
        {
            if (training.All(row => _classes[row] == _classes[training[0]]))
            {
                throw new TrainingException(
                    "The target has one class",
                    $"'{_column.Name}' is '{Labels.Texts[_classes[training[0]]]}' in every row that is trained on; its other values are in the rows that are held out. Divide the rows otherwise.");
            }
        }

        public override TrainerTarget ForTrainer(int[] rows) => new ClassTarget([.. rows.Select(row => _classes[row])], Labels.Count);

        public override (IReadOnlyDictionary<string, double> Metrics, IReadOnlyList<IReadOnlyList<long>>? Confusion) Judge(int[] rows, float[] output)
        {
            var metrics = ClassificationMetrics.Compute([.. rows.Select(row => _classes[row])], output, Labels.Count);
            return (metrics.Values, metrics.Confusion);
        }
    }

    private sealed class NumberTrainingTarget(NumberTargetColumn column) : TrainingTarget
    {
        /// <summary>Models answer in single precision, which ends at 3.4e38: below it, so that a model may answer with somewhat more than it was taught.</summary>
        private const double Largest = 1e37;

        public override int[] KnownRows => [.. Enumerable.Range(0, column.Rows).Where(row => double.IsFinite(column.Values[row]))];

        public override IReadOnlyList<int> Groups => new int[column.Rows];

        public override TrainingTarget Select(int[] rows)
        {
            var values = rows.Select(row => column.Values[row]).ToArray();
            if (values.Any(value => Math.Abs(value) > Largest))
                throw new TrainingException("The target is too large", $"'{column.Name}' has values beyond {Largest}, more than a model can answer with. Give it in a larger unit.");
            return values.Distinct().Skip(1).Any()
                ? new NumberTrainingTarget(new NumberTargetColumn(column.Name, column.Kind, values))
                : throw new TrainingException("The target is constant", $"'{column.Name}' has the same value in every row; there is nothing to learn.");
        }

        public override void CheckTraining(int[] training)
        {
            if (training.All(row => column.Values[row] == column.Values[training[0]]))
                throw new TrainingException("The target is constant", $"'{column.Name}' has the same value in every row that is trained on. Divide the rows otherwise.");
        }

        public override TrainerTarget ForTrainer(int[] rows) => new NumberTarget(Numbers(rows));

        public override double[] Numbers(int[] rows) => Array.ConvertAll(rows, row => column.Values[row]);

        public override (IReadOnlyDictionary<string, double> Metrics, IReadOnlyList<IReadOnlyList<long>>? Confusion) Judge(int[] rows, float[] output)
        {
            var metrics = RegressionMetrics.Compute(Numbers(rows), output);
            return (metrics, null);
        }
    }
}
