using AIaaS.Data;
using AIaaS.Formats;

namespace AIaaS.Learning.Features;

/// <summary>Reads what a run needs of a prepared data set.</summary>
public static class TrainingTables
{
    /// <summary>The columns that a model can use, and the target.</summary>
    /// <exception cref="TrainingException">There is no such target, or there are more rows than one model is trained on.</exception>
    public static (FeatureTable Features, TargetColumn Target) Read(PreparedDataset dataset, TrainParameters parameters, CancellationToken cancellationToken)
    {
        var target = dataset.Schema.Columns.FirstOrDefault(c => c.Name == parameters.Target) ?? throw new TrainingException(
            "There is no such target",
            $"The data has no column '{parameters.Target}'. Its columns are: {string.Join(", ", dataset.Schema.Columns.Select(c => c.Name))}.");
        if (dataset.Rows > int.MaxValue)
            throw new TrainingException("Too many rows", $"{dataset.Rows} rows are more than one training takes; sample them first.");

        var used = FeatureSelection.From(dataset.Schema, target.Name).Names.ToHashSet(StringComparer.Ordinal);
        var columns = dataset.Schema.Columns.Where(c => used.Contains(c.Name)).Select(Column).ToArray();
        return (new FeatureTable((int)dataset.Rows, columns), Target());

        FeatureColumn Column(DataColumn column) => column.Kind == ColumnKind.Category
            ? new TextColumn(column.Name, column.Kind, dataset.ReadTexts(column.Name, cancellationToken))
            : new NumberColumn(column.Name, column.Kind, dataset.ReadNumbers(column.Name, cancellationToken));

        TargetColumn Target() => parameters.Task == LearningTask.Regression && target.Kind is (ColumnKind.Number or ColumnKind.Integer or ColumnKind.Boolean)
            ? new NumberTargetColumn(target.Name, target.Kind, Array.ConvertAll(dataset.ReadNumbers(target.Name, cancellationToken), v => (double)v))
            : new ClassTargetColumn(target.Name, target.Kind, dataset.ReadTexts(target.Name, cancellationToken));
    }
}
