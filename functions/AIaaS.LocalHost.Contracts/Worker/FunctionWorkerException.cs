namespace Microsoft.Azure.Functions.Worker;

public class FunctionWorkerException : Exception
{
    public FunctionWorkerException(string? message)
        : base(message)
    {
    }

    public FunctionWorkerException(string? message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A value of the trigger cannot become what the function's parameter asks for.</summary>
public class FunctionInputConverterException : FunctionWorkerException
{
    public FunctionInputConverterException(string? message)
        : base(message)
    {
    }

    public FunctionInputConverterException(string? message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
