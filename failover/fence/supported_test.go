package fence

// supported says whether a driver (as in Options) can work here: nil, or the sentence that names what is missing. It leaves no trace.
func supported(driver string) error {
	_, _, err := choose(driver)
	return err
}
