namespace Microsoft.Azure.Functions.Worker;

/// <summary>What an invocation gives back; middleware may replace it.</summary>
public abstract class InvocationResult : InvocationResult<object>
{
}

public abstract class InvocationResult<T>
{
    public abstract T? Value { get; set; }
}

/// <summary>Holds the result on the invocation.</summary>
internal interface IFunctionBindingsFeature
{
    object? InvocationResult { get; set; }
}

internal sealed class DefaultInvocationResult(IFunctionBindingsFeature bindings) : InvocationResult
{
    public override object? Value
    {
        get => bindings.InvocationResult;
        set => bindings.InvocationResult = value;
    }
}

internal sealed class DefaultInvocationResult<T>(IFunctionBindingsFeature bindings, T? value) : InvocationResult<T>
{
    public override T? Value
    {
        get;
        set
        {
            field = value;
            bindings.InvocationResult = value;
        }
    } = value;
}
