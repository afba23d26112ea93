"""What is known of published datasets: action lists, subject lists, evaluation protocols."""
